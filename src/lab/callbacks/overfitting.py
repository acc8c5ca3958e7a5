"""Warns of overfitting: a gap between train and val, or a validation loss that rises while the training loss falls.

The gap rule compares the objective on both splits. Training scores are means over the epoch with dropout on, so the
real gap is larger, if anything. The loss rule needs no training score: it compares both losses over some epochs. Both
rules are pure functions of the values so far.

The terminal gets a line when overfitting begins, one each time the gap has doubled, and one at the end if it is wider
than any line said. The record has every step by which it got worse.
"""

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)

RISING_EPOCHS = 3
"""Consecutive rises of the validation loss that give a warning; two happen by chance in most runs."""
ADVICE = "try more rows, model.dropout, optimizer.weight_decay, callbacks.early_stopping.patience=2 or fewer epochs"


def widened(gap: float, limit: float, warned: float | None) -> bool:
    """Whether a gap deserves a warning: above `limit`, and above the last `warned` gap by half of `limit`."""
    return gap > limit and (warned is None or gap > warned + limit / 2)


def parting(train_losses: Sequence[float], val_losses: Sequence[float], epochs: int = RISING_EPOCHS) -> bool:
    """Whether val rose and train fell in each of the last `epochs` epochs."""
    if min(len(train_losses), len(val_losses)) < epochs + 1:
        return False
    train, val = train_losses[-epochs - 1 :], val_losses[-epochs - 1 :]
    rose = all(after > before for before, after in pairwise(val))
    fell = all(after < before for before, after in pairwise(train))
    return rose and fell


class OverfittingMonitor(Callback):
    """Warns when it begins and when it has doubled; `warnings` has every line of its getting worse, for the record.

    metric: the objective, `val/f1_macro`; gap: train minus val above which it warns (val minus train for a loss).
    """

    def __init__(self, metric: str, gap: float, mode: Literal["min", "max"] = "max") -> None:
        self.metric, self.gap, self.mode = metric, gap, mode
        self.warnings: list[str] = []
        self._train_losses: list[float] = []
        self._val_losses: list[float] = []
        self._warned_gap: float | None = None
        self._warned_parting = False
        self._shown_gap: float | None = None
        self._last: tuple[float, str] | None = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        logged = trainer.callback_metrics
        self._check_gap(logged.get(self.metric.replace("val/", "train/", 1)), logged.get(self.metric), trainer)
        if "train/loss" in logged and "val/loss" in logged:
            self._train_losses.append(float(logged["train/loss"]))
            self._val_losses.append(float(logged["val/loss"]))
            self._check_losses(trainer)

    def _check_gap(self, train: Any, val: Any, trainer: Trainer) -> None:
        if train is None or val is None:
            return
        difference = float(train) - float(val)
        gap = difference if self.mode == "max" else -difference
        what = f"{self.metric.removeprefix('val/')} is {float(train):.3f} on train and {float(val):.3f} on val"
        if widened(gap, self.gap, self._warned_gap):
            self._warned_gap = gap
            shown = self._shown_gap is None or gap >= 2 * self._shown_gap
            self._shown_gap = gap if shown else self._shown_gap
            self._warn(trainer, what, shown)
        self._last = gap, what

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._last is not None and self._shown_gap is not None and self._last[0] > self._shown_gap:
            log.warning("overfitting at the end: %s", self._last[1])

    def _check_losses(self, trainer: Trainer) -> None:
        apart = parting(self._train_losses, self._val_losses)
        if apart and not self._warned_parting:
            first, last = self._val_losses[-RISING_EPOCHS - 1], self._val_losses[-1]
            rise = f"val/loss rose {RISING_EPOCHS} epochs in a row ({first:.3f} to {last:.3f})"
            self._warn(trainer, f"{rise} while train/loss fell", shown=not self.warnings)
        self._warned_parting = apart

    def _warn(self, trainer: Trainer, what: str, shown: bool) -> None:
        """Add a line to the record; show it, with the advice if it is the first."""
        line = f"overfitting after epoch {trainer.current_epoch + 1}: {what}"
        if shown:
            log.warning("%s", line if self.warnings else f"{line}; {ADVICE}")
        self.warnings.append(line)

    def state_dict(self) -> dict[str, Any]:
        return {
            "warnings": list(self.warnings),
            "train_losses": list(self._train_losses),
            "val_losses": list(self._val_losses),
            "warned_gap": self._warned_gap,
            "warned_parting": self._warned_parting,
            "shown_gap": self._shown_gap,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.warnings = list(state_dict["warnings"])
        self._train_losses = list(state_dict["train_losses"])
        self._val_losses = list(state_dict["val_losses"])
        self._warned_gap = state_dict["warned_gap"]
        self._warned_parting = state_dict["warned_parting"]
        self._shown_gap = state_dict.get("shown_gap", self._warned_gap)  # a checkpoint of an older version has none
