"""Early stopping on any validation metric, with patience in epochs.

Lightning's callback counts checks instead of epochs and, once triggered before `min_epochs`, stays triggered
(pytorch-lightning #17736, #19966). This subclass decides at each validation anew from (best value, its epoch, this
epoch), so an improvement that comes in time cancels a stop, and a resumed run decides as the uninterrupted one.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightning_callbacks
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from lab.callbacks.checkpoint import is_epoch_done
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.record.fields import BEFORE_TRAINING

log = logging.getLogger(__name__)
Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Standing:
    """Best value so far and its epoch (0-based, `BEFORE_TRAINING` for the model before its first step); None and -1
    before there is a number."""

    best: float | None = None
    best_epoch: int = -1


def full_name(metric: str) -> str:
    """The name as logged: `causa/f1_macro` means `val/causa/f1_macro`."""
    return metric if metric.split("/")[0] in {"train", "val", "test"} else f"val/{metric}"


def direction(metric: str) -> Mode:
    """The mode of a metric: min for losses, max for all other scores."""
    return "min" if metric.split("/")[-1] == "loss" else "max"


def improves(value: float, best: float | None, mode: Mode, min_delta: float) -> bool:
    """Whether `value` is better than `best` by more than `min_delta`; NaN is never better."""
    if math.isnan(value):
        return False
    if best is None:
        return True
    return value > best + min_delta if mode == "max" else value < best - min_delta


def observe(standing: Standing, value: float, epoch: int, mode: Mode, min_delta: float) -> Standing:
    """The standing after a validation in `epoch`."""
    return Standing(value, epoch) if improves(value, standing.best, mode, min_delta) else standing


def should_stop(standing: Standing, epoch: int, patience: int, min_epochs: int) -> bool:
    """Whether `patience` epochs have passed since the best one and `min_epochs` are done; `epoch` is the last done."""
    return epoch - standing.best_epoch >= patience and epoch + 1 >= min_epochs


def describe(standing: Standing, metric: str, epoch: int, patience: int) -> str:
    """The counter in words; epochs are counted from 1, as on the progress line."""
    place = "before training" if standing.best_epoch == BEFORE_TRAINING else f"at epoch {standing.best_epoch + 1}"
    best = "no value was finite" if standing.best is None else f"best {standing.best:.4f} {place}"
    return f"no improvement of {metric} for {epoch - standing.best_epoch} of {patience} epochs ({best})"


class EarlyStopping(lightning_callbacks.EarlyStopping):
    """Stops the fit after `patience` epochs without an improvement of more than `min_delta`.

    Lightning's attributes say how it stands: `best_score`, `wait_count` (epochs since the best one), `stopped_epoch`,
    `stopping_reason`, `stopping_reason_message`. An epoch counts once it is done: validations inside an epoch can
    improve the best value, and stop the fit only where whole epochs have passed. Raises RequestError at the first
    validation that does not log the metric.
    """

    def __init__(
        self, metric: str, patience: int, mode: Mode | None = None, min_delta: float = 0.0, min_epochs: int = 0
    ) -> None:
        """metric: `val/f1_macro`, or without its split; mode: None takes `direction(metric)`."""
        name = full_name(metric)
        super().__init__(name, min_delta, patience, mode=mode or direction(name), check_on_train_epoch_end=False)
        self.min_epochs = min_epochs
        self.standing = Standing()
        self.last_epoch = -1

    @property
    def state_key(self) -> str:
        """Constant, so that a resume with another metric finds the state and says so."""
        return type(self).__qualname__

    @property
    def best_epoch(self) -> int | None:
        """Epoch of the best value, 0-based, -1 for that before training; None before there is one."""
        return None if self.standing.best is None else self.standing.best_epoch

    def start_from(self, value: float) -> None:
        """Count from the value of the model before its first step, if it is a number: epochs have to improve on it."""
        self.standing = observe(self.standing, value, BEFORE_TRAINING, self._mode, abs(self.min_delta))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Resumed from the checkpoint of a run that had stopped: decide again, the patience may have been raised.
        self._decide(trainer)

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        epoch, value = trainer.current_epoch, self._value(trainer)
        self.standing = observe(self.standing, value, epoch, self._mode, abs(self.min_delta))
        self.last_epoch = epoch if is_epoch_done(trainer) else epoch - 1
        self._decide(trainer)
        if self.last_epoch == epoch and self.wait_count > 0 and self.stopping_reason_message is None:
            log.info("%s", describe(self.standing, self.monitor, self.last_epoch, self.patience))

    @property
    def _mode(self) -> Mode:
        return "min" if self.mode == "min" else "max"

    def _value(self, trainer: Trainer) -> float:
        logged = trainer.callback_metrics
        if self.monitor in logged:
            if trainer.world_size > 1:  # all processes decide by the same value
                return float(trainer.strategy.reduce(logged[self.monitor].clone(), reduce_op="mean"))
            return float(logged[self.monitor])
        names = sorted(name for name in logged if name.startswith("val/"))
        close = nearest(self.monitor, names)
        problem = f"no validation metric has this name; logged are {listed(names)}"
        remedy = f"callbacks.early_stopping.metric={close}" if close else ""
        raise RequestError(Mistake("callbacks.early_stopping.metric", problem, remedy, self.monitor))

    def _decide(self, trainer: Trainer) -> None:
        self._judge()
        if self.stopping_reason_message is not None:
            log.info("stopped early after epoch %d: %s", self.last_epoch + 1, self.stopping_reason_message)
            trainer.should_stop = True

    def _judge(self) -> None:
        """Set Lightning's attributes from the standing after the last epoch that is done."""
        standing, epoch = self.standing, self.last_epoch
        stops = epoch >= 0 and should_stop(standing, epoch, self.patience, self.min_epochs)
        if standing.best is not None:
            self.best_score = torch.tensor(standing.best)
        self.wait_count = max(0, epoch - standing.best_epoch)
        self.stopped_epoch = epoch if stops else 0
        self.stopping_reason = EarlyStoppingReason.PATIENCE_EXHAUSTED if stops else EarlyStoppingReason.NOT_STOPPED
        self.stopping_reason_message = describe(standing, self.monitor, epoch, self.patience) if stops else None

    def state_dict(self) -> dict[str, Any]:
        """The watched metric with its mode, the best value with its epoch, and the last epoch."""
        watched = {"metric": self.monitor, "mode": self.mode}
        best = {"best": self.standing.best, "best_epoch": self.standing.best_epoch}
        return watched | best | {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best value; if the metric or its mode has changed, start again after the last epoch."""
        before = state_dict.get("metric", self.monitor), state_dict.get("mode", self.mode)
        if before != (self.monitor, self.mode):  # a best loss says nothing about an F1
            message = "early stopping watched %s before; it looks for the best %s from here on"
            log.info(message, before[0] if before[0] != self.monitor else f"its {before[1]}imum", self.monitor)
            self.standing = Standing(None, state_dict["last_epoch"])
            return
        self.standing = Standing(state_dict["best"], state_dict["best_epoch"])
        self.last_epoch = state_dict["last_epoch"]
        self._judge()  # a fit whose epochs are all done is not started again: the reason must be known by then
