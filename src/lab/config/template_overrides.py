"""Overrides that lightning-hydra-template documents and `lab` spells differently, with what to type here.

Its other overrides (`trainer.*`, `debug=...`, `logger=...`, `callbacks.early_stopping.*`, `seed`, `tags`) are the same.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from lab.config.dotted_keys import is_below, is_there
from lab.core.errors import Mistake

_KEPT = "best.ckpt and last.ckpt are always kept, in checkpoints/ of the run folder"
_DDP = "the number of devices is a key of its own"
_PLACES = "there is no group of paths"
_EXTRAS = "there is no group of extras"
KEYS: dict[str, tuple[str, str]] = {
    "ckpt_path": ("a run is continued, or tested again, by its folder", "resume=RUN, or test=RUN"),
    "train": ("train.py trains and then tests; test=RUN only tests", ""),
    "task_name": ("is called experiment_name", "experiment_name={value}"),
    "hparams_search": ("a search is a choice of the group sweep", "-m sweep=optuna"),
    "optimized_metric": ("is called objective.metric, whose best value counts", "objective.metric={metric}"),
    "hydra": ("Hydra's settings are part of conf/config.yaml", ""),
    "local": ("a config of your own is a folder laid out like conf/: --config-dir FOLDER", ""),
    "paths.log_dir": (_PLACES, "hydra.run.dir={value}/run"),
    "paths.output_dir": (_PLACES, "hydra.run.dir={value}"),
    "paths.data_dir": (f"{_PLACES}: what is downloaded and computed goes to cache.dir", "cache.dir={value}"),
    "paths": (_PLACES, ""),
    "extras.print_config": (f"{_EXTRAS}: config.yaml in the run folder is the config; --cfg job prints it", ""),
    "extras.enforce_tags": (f"{_EXTRAS}: tags=[a,b] gives tags", ""),
    "extras": (_EXTRAS, ""),
    "callbacks.early_stopping.monitor": ("is called metric", "callbacks.early_stopping.metric={metric}"),
    "callbacks.model_checkpoint.monitor": ("is the objective", "objective.metric={metric}"),
    "callbacks.model_checkpoint.mode": ("is that of the objective", "objective.mode={value}"),
    "callbacks.model_checkpoint.every_n_train_steps": (
        "is called callbacks.checkpoint.every_n_steps", "callbacks.checkpoint.every_n_steps={value}"),
    "callbacks.model_checkpoint": (_KEPT, ""),
    "callbacks.model_summary": ("is a setting of the Trainer", "trainer.enable_model_summary=true"),
    "callbacks.rich_progress_bar": (
        "is an extra callback", "+callbacks.extra.bar._target_=lightning.pytorch.callbacks.RichProgressBar"),
    "trainer.default_root_dir": ("is the run folder", "hydra.run.dir={value}"),
    "trainer.tpu_cores": ("runs are on a CPU or on a GPU", ""),
    "data.data_dir": ("what is downloaded and computed goes to cache.dir", "cache.dir={value}"),
    "data.train_val_test_split": ("the shares of the splits are two keys", "data.split.val=0.1 data.split.test=0.1"),
    "model.optimizer._target_": ("is a group of its own", "optimizer=custom optimizer._target_={value}"),
    "model.optimizer.lr": ("is a key of the optimizer", "optimizer.lr={value}"),
    "model.optimizer.weight_decay": ("is a key of the optimizer", "optimizer.weight_decay={value}"),
    "model.optimizer": ("is a group of its own", "optimizer=adamw"),
    "model.scheduler._target_": ("is a group of its own", "scheduler=custom scheduler._target_={value}"),
    "model.scheduler": ("is a group of its own", "scheduler=constant, or scheduler=plateau"),
    "model.net": ("the net of a module of your own is its argument", "model=custom data=custom"),
}  # fmt: skip
"""By dotted key, and for the keys below it: the problem, and what to type; empty: leave the key out. `{value}` is what
was typed, `{metric}` the same under its name here."""
CHOICES: dict[str, tuple[str, str]] = {
    "trainer=ddp": (_DDP, "trainer=gpu trainer.strategy=ddp trainer.devices=2"),
    "trainer=ddp_sim": (_DDP, "trainer=cpu trainer.strategy=ddp trainer.devices=2"),
    "trainer=mps": ("runs are on a CPU or on a GPU of NVIDIA", "trainer=cpu"),
    "logger=comet": (
        "is an extra logger", "logger=csv +logger.extra.comet._target_=lightning.pytorch.loggers.CometLogger"),
    "logger=neptune": ("there is no logger of Neptune", "logger=csv, or logger=wandb"),
    "logger=many_loggers": ("several loggers are a list", "'logger=[csv,wandb]'"),
    "data=mnist": ("a data module of your own is data=custom", "data=custom"),
    "model=mnist": ("a module of your own is model=custom", "model=custom"),
    "experiment=example": ("is an example of the template", "experiment=fast"),
    "hydra=default": KEYS["hydra"],
}  # fmt: skip
"""By choice of a group, the same."""
_METRICS = {"acc": "accuracy", "f1": "f1_macro"}
"""Usual names of metrics, and those of lab."""


def of_key(key: str, text: str | None, plain: Mapping[str, Any]) -> Mistake | None:
    """Return the mistake of a key of the template that `plain` lacks; None for other keys. text: as typed."""
    name = next((name for name in KEYS if is_below(key, [name])), None)
    if name is None or is_there(plain, key):
        return None
    problem, remedy = KEYS[name]
    is_off = (text or "null").lower() in ("null", "false") and name not in ("optimized_metric", "task_name")
    value = text or "null"
    if name == "train" and is_off:
        remedy = "test=RUN"
    elif is_off or not remedy:
        return Mistake(key, problem, f"leave out {key}", text)
    return Mistake(key, problem, _filled(remedy, value), text)


def of_choice(group: str, choice: object) -> Mistake | None:
    """Return the mistake of a choice of the template that `lab` does not have; None for other choices."""
    problem, remedy = CHOICES.get(f"{group}={choice}", ("", ""))
    return Mistake(group, problem, remedy or f"leave out {group}", choice) if problem else None


def _filled(remedy: str, value: str) -> str:
    """The remedy with the value as it was typed, quoted for a shell where it has to be."""
    if "{" not in remedy:
        return remedy
    *words, last = remedy.split()
    key, _, form = last.partition("=")
    split, _, name = value.strip("'\"").removesuffix("_best").rpartition("/")
    metric = f"{split or 'val'}/{_METRICS.get(name, name)}"
    return " ".join([*words, shlex.quote(f"{key}={form.format(value=value, metric=metric)}")])
