"""How long a refit is, and with which settings it runs. Pure.

It makes as many passes over its rows as the first fit had made at the chosen checkpoint, under the same schedule
stretched to the larger epochs: each row is seen as often, and the learning rate passes through the same share of its
curve (Goodfellow et al., Deep Learning, section 7.8, the same number of passes). As many optimizer steps as before
would end inside a pass, where a head in closed form has not seen all rows.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.config.schema import Config, Labelled, Questions, Ucr, Windowed
from lab.config.validation_rows import validates_by_leave_one_out
from lab.core.batches import Spec, TextSpec


@dataclass(frozen=True)
class Plan:
    """epoch, step: of the chosen checkpoint of the first fit (0-based, optimizer steps); steps: optimizer steps of the
    refit; planned: optimizer steps at which the schedule of the refit would end; rows: training rows of the refit."""

    epoch: int
    step: int
    steps: int
    planned: int
    rows: int

    def fields(self) -> dict[str, Any]:
        """The field `refit` of run.json, without `status`."""
        return asdict(self)


def is_refitted(config: Config) -> bool:
    """Return whether a run trains again on its training and validation rows.

    Leave-one-out holds out no rows, and `trainer.fast_dev_run` chooses no epoch.
    """
    data = config.data
    if not isinstance(data, Labelled | Questions | Windowed | Ucr) or not data.split.refit:
        return False
    return not config.trainer.fast_dev_run and not validates_by_leave_one_out(config)


def scaled_step(step: int, ends: Sequence[int], refit_ends: Sequence[int]) -> int:
    """Return the optimizer step of the refit after as many passes, or parts of one, as `step` of the first fit.

    ends, refit_ends: the optimizer steps at which the epochs of both end.

    >>> scaled_step(20, [10, 20, 30], [12, 24, 36]), scaled_step(15, [10, 20, 30], [12, 24, 36])
    (24, 18)
    """
    epoch = min(bisect_left(ends, step), len(ends) - 1, len(refit_ends) - 1)
    start, refit_start = (0, 0) if epoch == 0 else (ends[epoch - 1], refit_ends[epoch - 1])
    share = min(1.0, (step - start) / (ends[epoch] - start))
    return max(1, refit_start + round(share * (refit_ends[epoch] - refit_start)))


def refit_config(config: Config, spec: Spec) -> Config:
    """Return the config of a refit, planned for the epochs of the first fit.

    Nothing stops it early, searches or is drawn. spec: of the first fit, whose longest text is kept.
    """
    data, trainer, callbacks = config.data, config.trainer, config.callbacks
    split = data.split.model_copy(update={"train_on_val": True, "refit": False})  # type: ignore[union-attr]
    changes: dict[str, Any] = {"split": split}
    if isinstance(spec, TextSpec):
        changes["max_length"] = spec.max_length
    length = {"max_time": None, "min_epochs": None, "min_steps": None}
    checks = {"val_check_interval": 1.0, "check_val_every_n_epoch": 1, "num_sanity_val_steps": 0, "profiler": None}
    off: dict[str, Any] = {
        "early_stopping": callbacks.early_stopping.model_copy(update={"patience": None}),
        "overfit": callbacks.overfit.model_copy(update={"gap": None}),
        "lr_finder": callbacks.lr_finder.model_copy(update={"enabled": False}),
        "batch_finder": callbacks.batch_finder.model_copy(update={"enabled": False}),
        "curves": callbacks.curves.model_copy(update={"png": False, "gif": False}),
        "resources": callbacks.resources.model_copy(update={"enabled": False}),
    }
    return config.model_copy(
        update={
            "data": data.model_copy(update=changes),
            "trainer": trainer.model_copy(update=length | checks),
            "callbacks": callbacks.model_copy(update=off),
        }
    )


def longer(config: Config, more_batches: float) -> Config:
    """Return the config with `trainer.max_steps` for so many more batches in an epoch (a factor)."""
    most = config.trainer.max_steps
    assert most is not None, "only a limit of steps grows with the rows"
    return ending_at(config, max(1, round(most * more_batches)))


def ending_at(config: Config, steps: int) -> Config:
    """Return the config with a limit of `steps` optimizer steps."""
    return config.model_copy(update={"trainer": config.trainer.model_copy(update={"max_steps": steps})})
