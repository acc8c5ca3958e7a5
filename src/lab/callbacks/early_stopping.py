"""Early stopping on any validation metric, with patience in epochs.

An own callback because Lightning's counts checks instead of epochs and, once triggered before `min_epochs`, stays
triggered (pytorch-lightning #17736, #19966). Here each validation decides anew from (best, its epoch, this epoch), so
an improvement that comes in time takes a stop back, and a resumed run decides what the straight one would have.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer

from lab.core.errors import Mistake, RequestError, listed, nearest

log = logging.getLogger(__name__)
Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Standing:
    """Best value so far and its epoch (0-based); None and -1 before the first finite value."""

    best: float | None = None
    best_epoch: int = -1


def full_name(metric: str) -> str:
    """`causa/f1_macro` means `val/causa/f1_macro`."""
    return metric if metric.split("/")[0] in {"train", "val", "test"} else f"val/{metric}"


def direction(metric: str) -> Mode:
    """Losses fall, all other scores rise."""
    return "min" if metric.split("/")[-1] == "loss" else "max"


def improves(value: float, best: float | None, mode: Mode, min_delta: float) -> bool:
    """Whether `value` is better than `best` by more than `min_delta`. NaN never is."""
    if math.isnan(value):
        return False
    if best is None:
        return True
    return value > best + min_delta if mode == "max" else value < best - min_delta


def observe(standing: Standing, value: float, epoch: int, mode: Mode, min_delta: float) -> Standing:
    """The standing after a validation in `epoch`."""
    return Standing(value, epoch) if improves(value, standing.best, mode, min_delta) else standing


def should_stop(standing: Standing, epoch: int, patience: int, min_epochs: int) -> bool:
    """Whether `patience` epochs have passed since the best one, and `min_epochs` are done, this one included."""
    return epoch - standing.best_epoch >= patience and epoch + 1 >= min_epochs


def describe(standing: Standing, metric: str, epoch: int, patience: int) -> str:
    """The counter in words; epochs are counted from 1, as on the progress line."""
    found = (
        "none was finite" if standing.best is None else f"best {standing.best:.4f} at epoch {standing.best_epoch + 1}"
    )
    return f"no improvement of {metric} for {epoch - standing.best_epoch} of {patience} epochs ({found})"


class EarlyStopping(Callback):
    """Stops the fit after `patience` epochs without an improvement of more than `min_delta`.

    metric: `val/f1_macro`, or without its split; mode: None takes `direction(metric)`. After the fit, `stopped_reason`
    is None or says in words why it stopped. Raises RequestError at the first validation that does not log the metric.
    """

    def __init__(
        self, metric: str, patience: int, mode: Mode | None = None, min_delta: float = 0.0, min_epochs: int = 0
    ) -> None:
        self.metric = full_name(metric)
        self.mode: Mode = mode or direction(self.metric)
        self.patience = patience
        self.min_delta = min_delta
        self.min_epochs = min_epochs
        self.standing = Standing()
        self.last_epoch = -1
        self.stopped_reason: str | None = None

    @property
    def best(self) -> float | None:
        return self.standing.best

    @property
    def best_epoch(self) -> int | None:
        """Epoch of the best value, 0-based; None before there is one."""
        return None if self.best is None else self.standing.best_epoch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Resumed from the checkpoint of a run that had stopped: decide again, the patience may have been raised.
        if self.last_epoch >= 0:
            self._decide(trainer, self.last_epoch)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        epoch, value = trainer.current_epoch, self._value(trainer)
        self.standing = observe(self.standing, value, epoch, self.mode, self.min_delta)
        self.last_epoch = epoch
        self._decide(trainer, epoch)
        if self.stopped_reason is None and self.standing.best_epoch != epoch:
            log.info("%s", describe(self.standing, self.metric, epoch, self.patience))

    def _value(self, trainer: Trainer) -> float:
        logged = trainer.callback_metrics
        if self.metric in logged:
            return float(logged[self.metric])
        names = sorted(name for name in logged if name.startswith("val/"))
        close = nearest(self.metric, names)
        problem = f"no validation metric has this name; logged are {listed(names)}"
        remedy = f"callbacks.early_stopping.metric={close}" if close else ""
        raise RequestError(Mistake("callbacks.early_stopping.metric", problem, remedy, self.metric))

    def _decide(self, trainer: Trainer, epoch: int) -> None:
        self.stopped_reason = self._reason(epoch)
        if self.stopped_reason is not None:
            log.info("stopped early after epoch %d: %s", epoch + 1, self.stopped_reason)
            trainer.should_stop = True

    def _reason(self, epoch: int) -> str | None:
        if not should_stop(self.standing, epoch, self.patience, self.min_epochs):
            return None
        return describe(self.standing, self.metric, epoch, self.patience)

    def state_dict(self) -> dict[str, Any]:
        watched = {"metric": self.metric, "mode": self.mode}
        return watched | {"best": self.best, "best_epoch": self.standing.best_epoch, "last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        before = state_dict.get("metric", self.metric), state_dict.get("mode", self.mode)
        if before != (self.metric, self.mode):  # a best loss says nothing about an F1
            told = "early stopping watched %s before; the best %s is looked for from here on"
            log.info(told, before[0] if before[0] != self.metric else f"its {before[1]}imum", self.metric)
            self.standing = Standing(None, state_dict["last_epoch"])
            return
        self.standing = Standing(state_dict["best"], state_dict["best_epoch"])
        self.last_epoch = state_dict["last_epoch"]
        # A fit whose epochs are all done is not started again: what it stopped for has to be known by now.
        self.stopped_reason = self._reason(self.last_epoch) if self.last_epoch >= 0 else None
