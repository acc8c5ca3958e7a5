"""What a study's storage keeps of a trial besides its parameters and reports: attributes, which a resume reads again.

values: the real ones; best_value, best_epoch, best_interval, checkpoint; status, reason, failure; told: why a policy
ends it, kept at once, since it may be killed before it has; cuts: how often it was.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.trial import Trial

from lab.sweep.execution.trial_outcome import Best, TrialOutcome


def write_values(trial: Trial, values: Mapping[str, Any]) -> None:
    """Real values, whole for us and one by one for dashboards where Optuna stores something else (a law's u)."""
    if "values" not in trial.user_attrs:
        for key, value in values.items():
            if key not in trial.params or trial.params[key] != value:
                trial.set_user_attr(key, value)
        trial.set_user_attr("values", dict(values))


def write_end(trial: Trial, ended: TrialOutcome, best: Best | None, checkpoint: Path) -> None:
    """How a trial ended; checkpoint: where that of its best epoch stands, if it is there."""
    attributes: dict[str, Any] = {"status": ended.status, "reason": ended.reason, "failure": ended.failure}
    if best is not None:
        attributes |= {"best_value": best.value, "best_epoch": best.epoch, "best_interval": best.interval}
        attributes |= {"checkpoint": str(checkpoint)} if checkpoint.exists() else {}
    for name, value in attributes.items():
        if value is not None and trial.user_attrs.get(name) != value:
            trial.set_user_attr(name, value)
