"""What lightning-hydra-template documents works here, or is answered with what to type."""

from pathlib import Path

import pytest

from lab.cli import resume
from lab.cli.command_line import parse
from lab.cli.validate_overrides import mistakes
from lab.config.template_overrides import CHOICES, KEYS, of_choice, of_key
from lab.core.errors import Mistake, RequestError

CONF = Path("conf").absolute()
WORKS = [
    "trainer=cpu trainer.max_epochs=20 trainer.min_epochs=2 trainer.deterministic=True trainer.gradient_clip_val=0.5 "
    "trainer.val_check_interval=0.25 trainer.accumulate_grad_batches=10 trainer.max_time=00:12:00:00 trainer.devices=1 "
    "trainer.limit_train_batches=0.1 trainer.detect_anomaly=true trainer.log_every_n_steps=5",
    "trainer=gpu trainer.precision=16 trainer.check_val_every_n_epoch=2 logger=[csv,tensorboard,mlflow]",
    "trainer.fast_dev_run=true logger=csv callbacks=none",
    "debug=default trainer.max_epochs=2", "debug=fdr", "debug=limit", "debug=overfit", "debug=profiler",
    "logger=wandb logger.wandb.project=x callbacks=default callbacks.early_stopping.patience=5 "
    "callbacks.early_stopping.min_delta=0.1 seed=12345 tags=[mnist,experiment_X] data.batch_size=64 data.num_workers=4 "
    "data.pin_memory=True optimizer.lr=1e-4 hydra.run.dir=logs/run hydra.verbose=true",
    "experiment=fast",
    "trainer.devices=4 trainer.num_nodes=2",
    "-m data.batch_size=32,64,128 model.lr=0.001,0.0005",
    "-m seed=1,2,3 trainer.deterministic=True logger=csv",
    "-m sweep=optuna",
]  # fmt: skip
ANSWERED = {
    "trainer=ddp": "trainer=gpu trainer.strategy=ddp trainer.devices=2",
    "trainer=ddp_sim": "trainer=cpu trainer.strategy=ddp trainer.devices=2",
    "trainer=mps": "trainer=cpu",
    "+trainer.gradient_clip_val=0.5": "trainer.gradient_clip_val=0.5",
    "+trainer.max_time=00:12:00:00": "trainer.max_time=00:12:00:00",
    "+trainer.tpu_cores=8": "leave out trainer.tpu_cores",
    "trainer.default_root_dir=logs": "hydra.run.dir=logs",
    "logger=comet": "logger=csv +logger.extra.comet._target_=lightning.pytorch.loggers.CometLogger",
    "logger=neptune": "logger=csv, or logger=wandb",
    "logger=many_loggers": "'logger=[csv,wandb]'",
    "experiment=example": "experiment=fast",
    "callbacks.early_stopping.monitor=val/loss": "callbacks.early_stopping.metric=val/loss",
    "callbacks.model_checkpoint.monitor=val/acc": "objective.metric=val/accuracy",
    "callbacks.model_checkpoint.mode=min": "objective.mode=min",
    "callbacks.model_checkpoint.save_top_k=3": "leave out callbacks.model_checkpoint.save_top_k",
    "callbacks.model_checkpoint.every_n_train_steps=50": "callbacks.checkpoint.every_n_steps=50",
    "callbacks.model_summary.max_depth=2": "trainer.enable_model_summary=true",
    "callbacks.rich_progress_bar.leave=true":
        "+callbacks.extra.bar._target_=lightning.pytorch.callbacks.RichProgressBar",
    "ckpt_path=last.ckpt": "resume=RUN, or test=RUN",
    "train=False": "test=RUN",
    "test=False": "leave out test, or test=RUN (a folder below outputs/)",
    "task_name=mine": "experiment_name=mine",
    "hparams_search=mnist_optuna": "-m sweep=optuna",
    "optimized_metric=val/acc_best": "objective.metric=val/accuracy",
    "paths.log_dir=logs": "hydra.run.dir=logs/run",
    "paths.output_dir=here": "hydra.run.dir=here",
    "paths.data_dir=data": "cache.dir=data",
    "paths=default": "leave out paths",
    "extras.ignore_warnings=True": "leave out extras.ignore_warnings",
    "extras.print_config=False": "leave out extras.print_config",
    "extras.enforce_tags=True": "leave out extras.enforce_tags",
    "hydra=default": "leave out hydra",
    "local=default": "leave out local",
    "data=mnist": "data=custom",
    "model=mnist": "model=custom",
    "model.optimizer.lr=1e-4": "optimizer.lr=1e-4",
    "model.optimizer._target_=torch.optim.Adam": "optimizer=custom optimizer._target_=torch.optim.Adam",
    "model.scheduler._target_=torch.optim.lr_scheduler.StepLR":
        "scheduler=custom scheduler._target_=torch.optim.lr_scheduler.StepLR",
    "model.net.lin1_size=128": "model=custom data=custom",
    "model.compile=true": "trainer.compile=true",
}  # fmt: skip
ALONE = ("test=False",)
"""Overrides that end the check of a line."""


def found(line: str) -> list[Mistake]:
    try:
        typed = parse(resume.resumed_argv(["train.py", *line.split()], CONF))
        return mistakes(typed, CONF)
    except RequestError as error:
        return list(error.mistakes)


@pytest.mark.parametrize("line", WORKS)
def test_it_works(line: str) -> None:
    assert found(line) == []


GROUPS = [line for line in ANSWERED if line.partition("=")[0] in ("trainer", "logger", "experiment", "data", "model")]


@pytest.mark.parametrize("line", [*GROUPS, *ALONE])
def test_a_choice_is_answered_with_what_to_type(line: str) -> None:
    (mistake,) = found(line)
    assert mistake.problem
    assert mistake.remedy == ANSWERED[line]


def test_keys_are_answered_with_what_to_type_all_at_once() -> None:
    lines = [line for line in ANSWERED if line not in (*GROUPS, *ALONE)]
    answers = {mistake.key: mistake.remedy for mistake in found(" ".join(lines))}
    for line in lines:
        key = line.partition("=")[0]
        assert answers.get(key, answers.get(key.lstrip("+"))) == ANSWERED[line]


def test_keys_of_lab_and_of_a_module_of_ones_own_are_not_answered() -> None:
    assert of_key("trainer.max_epochs", "3", {}) is None
    assert of_key("data.data_dir", "x", {"data": {"data_dir": None}}) is None
    assert of_choice("trainer", "cpu") is None


def test_more_special_keys_come_first() -> None:
    names = [*KEYS]
    for place, name in enumerate(names):
        assert not any(later.startswith(f"{name}.") for later in names[place + 1 :])
    assert all(of_choice(*choice.split("=")) for choice in CHOICES)
