"""Attributes of a trial in the study's storage, besides its parameters and reports; a resumed study reads them.

values: the config values; best_value, best_epoch, best_interval, checkpoint; status, reason, failure: how the trial
ended; termination_reason: why a policy ends it, stored before the trial has ended; cuts: its interruptions.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.trial import Trial

from lab.sweep.execution.trial_outcome import BestReport, TrialOutcome


def write_values(trial: Trial, values: Mapping[str, Any]) -> None:
    """Store the config values as one mapping, and those that Optuna stores differently as single attributes, which
    dashboards show."""
    if "values" not in trial.user_attrs:
        for key, value in values.items():
            if key not in trial.params or trial.params[key] != value:
                trial.set_user_attr(key, value)
        trial.set_user_attr("values", dict(values))


def write_end(trial: Trial, ended: TrialOutcome, best: BestReport | None, checkpoint: Path) -> None:
    """Store how a trial ended; checkpoint: the path of its best epoch's checkpoint, stored if it exists."""
    attributes: dict[str, Any] = {"status": ended.status, "reason": ended.reason, "failure": ended.failure}
    if best is not None:
        attributes |= {"best_value": best.value, "best_epoch": best.epoch, "best_interval": best.interval}
        attributes |= {"checkpoint": str(checkpoint)} if checkpoint.exists() else {}
    for name, value in attributes.items():
        if value is not None and trial.user_attrs.get(name) != value:
            trial.set_user_attr(name, value)
