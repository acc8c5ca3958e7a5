"""Arguments of the Trainer that contradict each other, or that devices cannot serve, are refused with a remedy."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import TrainerConfig
from lab.core.errors import Mistake, RequestError

CONF = Path(__file__).resolve().parents[3] / "conf"


def mistakes(*options: str) -> dict[str, Mistake]:
    with initialize_config_dir(str(CONF)):
        composed = compose("config", list(options))
    try:
        check(composed)
    except RequestError as error:
        return {mistake.key: mistake for mistake in error.mistakes}
    return {}


@pytest.mark.parametrize(
    "options",
    [
        ("trainer.devices=all",),
        ("trainer.devices=-1", "trainer.accelerator=cpu"),
        ("trainer.devices=0",),
        ("trainer.devices=[0,1]", "trainer.accelerator=cpu"),
        ("trainer.num_nodes=0",),
        ("trainer.strategy=ddp",),
        ("trainer.strategy=ddp_spawn", "trainer.devices=2"),
        ("trainer.strategy=fsdp", "trainer.devices=2"),
        ("trainer.strategy=deepspeed_stage_2",),
        ("trainer.strategy=dp",),
        ("trainer.strategy=single_device", "trainer.devices=2"),
        ("trainer.devices=2", "model=linear"),
        ("trainer.devices=2", "model=minirocket", "data=rainfall", "model.head=ridge"),
        ("trainer.devices=2", "model=encoder", "model.path=x", "peft=qlora"),
        ("data.split.refit=true", "trainer.devices=2"),
        ("callbacks.batch_finder.enabled=true", "trainer.devices=2"),
        ("callbacks.lr_finder.enabled=true", "trainer.num_nodes=2"),
        ("trainer.max_epochs=-1",),
        ("trainer.max_steps=0",),
        ("trainer.max_time=1h",),
        ("trainer.limit_train_batches=0",),
        ("trainer.limit_val_batches=1.5",),
        ("trainer.gradient_clip_algorithm=value", "trainer.gradient_clip_val=null"),
        ("trainer.benchmark=true", "trainer.deterministic=true"),
        ("optimizer.eps=1e-8", "trainer.precision=16-true"),
        ("trainer.precision=64", "callbacks.lr_finder.enabled=true"),
        ("trainer.precision=bf16-true", "model=encoder", "model.path=x", "peft=qlora"),
        ("trainer.precision=64", "data=qa_demo"),
        ("trainer.fast_dev_run=true", "trainer.overfit_batches=2"),
        ("trainer.limit_train_batches=3", "trainer.fast_dev_run=true"),
        ("trainer.limit_val_batches=1", "trainer.overfit_batches=0.5"),
        ("trainer.overfit_batches=2", "callbacks.accumulate.schedule={0:2}"),
        ("trainer.check_val_every_n_epoch=null",),
        ("trainer.check_val_every_n_epoch=5", "trainer.max_epochs=4"),
        ("trainer.min_epochs=5", "trainer.max_epochs=4"),
        ("trainer.min_steps=5", "trainer.max_steps=4"),
    ],
)
def test_a_wrong_request_is_named_and_its_remedy_works(options: tuple[str, ...]) -> None:
    result = mistakes(*options)
    key = options[0].partition("=")[0]
    assert list(result) == [key]
    remedies = [word.strip("'") for word in result[key].remedy.partition(", or ")[0].split()]
    changed = {remedy.partition("=")[0] for remedy in remedies}
    kept = [option for option in options if option.partition("=")[0] not in changed]
    assert mistakes(*kept, *remedies) == {}


def test_sharded_strategies_are_refused_with_the_reason() -> None:
    problem = mistakes("trainer.strategy=fsdp", "trainer.devices=2")["trainer.strategy"].problem
    assert problem.startswith("needs GPUs in Lightning")
    assert "ddp_find_unused_parameters_true" in problem


@pytest.mark.parametrize(
    "options",
    [
        ("trainer.max_epochs=-1", "trainer.max_steps=100"),
        ("trainer.max_time={hours:12}",),
        ("trainer.max_time=00:12:00:00",),
        ("trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=100"),
        ("trainer.devices=1", "trainer.strategy=single_device"),
        ("trainer.devices=auto", "trainer.strategy=ddp"),
        ("trainer.devices=-1", "trainer.strategy=ddp", "trainer.accelerator=gpu"),
        ("trainer.devices=2",),
        ("trainer.devices=2", "trainer.strategy=ddp", "data=qa_demo"),
        ("trainer.devices=[0,1]", "trainer.strategy=ddp_find_unused_parameters_true"),
        ("trainer.num_nodes=2", "trainer.strategy=ddp", "trainer.sync_batchnorm=true"),
        ("trainer.precision=bf16-true",),
        ("callbacks=none",),
        *((f"debug={name}",) for name in ("default", "fdr", "limit", "overfit", "profiler")),
    ],
)
def test_what_is_possible_passes(options: tuple[str, ...]) -> None:
    assert mistakes(*options) == {}


def test_debug_sends_nothing_and_marks_the_run() -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["debug=limit"]))
    assert [name for name, node in config.logger if node] == ["csv"]
    assert (config.tags, config.experiment_name) == (("debug",), "debug")
    assert config.trainer.limit_val_batches == 0.05


def test_defaults_of_fields_are_those_of_the_file() -> None:
    """A run of an earlier version lacks the keys and is resumed with the defaults of the fields."""
    with initialize_config_dir(str(CONF)):
        trainer = check(compose("config")).trainer
    later = {name: field.default for name, field in TrainerConfig.model_fields.items() if not field.is_required()}
    assert later == {name: getattr(trainer, name) for name in later}


def test_a_duration_has_one_form() -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["trainer.max_time={days:1,minutes:90}"]))
    assert config.trainer.max_time == "01:01:30:00"
