"""The reports of running trials: each is stored, and the policy decides whether the trial ends."""

from collections.abc import Collection
from dataclasses import dataclass, field

from optuna.trial import Trial

from lab.early_termination.incremental import IncrementalState
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.trial_outcome import best_report
from lab.sweep.reporting.reporter import Report
from lab.sweep.storage.controllers import SoleController
from lab.sweep.study.progress_table import ProgressTable


@dataclass
class RunningTrial:
    """A running trial. reports: values by interval; epochs: 0-based, by interval."""

    trial: Trial
    reports: dict[int, float]
    epochs: dict[int, int] = field(default_factory=dict)
    reason: str | None = None
    """Why a policy ends it; kept from before an interruption."""
    is_ours: bool = True
    """False once another controller has taken it over, because this one was silent for too long."""


@dataclass
class ReportHandler:
    """Stores reports and decides on them. own: numbers of the trials that run here."""

    plan: Plan
    state: IncrementalState
    controllers: SoleController
    progress: ProgressTable
    own: Collection[int]
    has_shown_obstacle: bool = False

    def __post_init__(self) -> None:
        self.has_pruner = self.plan.policy.pruner() is not None

    def handle(self, number: int, running: RunningTrial, report: Report) -> str | None:
        """Store a report; return None to keep the trial, or the reason to end it."""
        plan, trial, interval = self.plan, running.trial, report.interval
        if running.reason is not None and interval >= max(running.reports, default=0):  # interrupted before it ended
            return running.reason
        if interval not in running.reports:
            trial.report(report.value, interval)
            self.state.report(number, report.value)
        running.reports[interval], running.epochs[interval] = report.value, report.epoch
        best = best_report(running.reports, running.epochs, plan.goal)
        if best is not None and best.interval == interval:
            trial.set_user_attr("best_value", best.value)
            trial.set_user_attr("best_epoch", best.epoch)
        self.progress.reported(number, interval, report.share, best.value if best is not None else None)
        if self.has_pruner:
            return self._keep(running, f"{plan.policy.kind} at interval {interval}" if trial.should_prune() else None)
        if not self.has_shown_obstacle and (obstacle := self.state.obstacle(interval)):
            self.has_shown_obstacle = True
            self.progress.log(obstacle)
        self.controllers.refresh(self.state, self.own)
        reason = self.state.decide(number, interval)
        return self._keep(running, None if reason is None else reason.text)

    def _keep(self, running: RunningTrial, reason: str | None) -> str | None:
        """Store the reason at once: the trial may be killed before it has ended."""
        if reason is not None:
            running.reason = reason
            running.trial.set_user_attr("termination_reason", reason)
        return reason
