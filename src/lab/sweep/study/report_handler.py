"""What becomes of a running trial at each of its reports: the report is kept, and the policy says if it goes on."""

from collections.abc import Collection
from dataclasses import dataclass, field

from optuna.trial import Trial

from lab.early_termination.incremental import IncrementalState
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.trial_outcome import best_of
from lab.sweep.reporting.reporter import Report
from lab.sweep.storage.controllers import SoleController
from lab.sweep.study.progress_table import ProgressTable


@dataclass
class RunningTrial:
    """A trial that runs."""

    trial: Trial
    reports: dict[int, float]
    epochs: dict[int, int] = field(default_factory=dict)
    told: str | None = None
    """Why a policy ends it; also what it was told before it was cut."""
    is_ours: bool = True
    """Not once another controller has taken it over, as it does when this one was silent for long."""


@dataclass
class ReportHandler:
    """own: numbers of the trials that run here."""

    plan: Plan
    state: IncrementalState
    controllers: SoleController
    board: ProgressTable
    own: Collection[int]
    held_back: bool = False

    def __post_init__(self) -> None:
        self.has_pruner = self.plan.policy.pruner() is not None

    def handle(self, number: int, one: RunningTrial, report: Report) -> str | None:
        """Keep a report; None to keep the trial, else why it ends."""
        plan = self.plan
        if one.told is not None and report.interval >= max(one.reports, default=0):  # it was cut before it ended
            return one.told
        if report.interval not in one.reports:
            one.trial.report(report.value, report.interval)
            self.state.report(number, report.value)
        one.reports[report.interval], one.epochs[report.interval] = report.value, report.epoch
        best = best_of(one.reports, one.epochs, plan.goal)
        if best is not None and best.interval == report.interval:
            one.trial.set_user_attr("best_value", best.value)
            one.trial.set_user_attr("best_epoch", best.epoch)
        self.board.reported(number, report.interval, report.share, best.value if best is not None else None)
        if self.has_pruner:
            pruned = f"{plan.policy.kind} at interval {report.interval}" if one.trial.should_prune() else None
            return self._ends(one, pruned)
        if not self.held_back and (why := self.state.obstacle(report.interval)):
            self.held_back = True
            self.board.log(why)
        self.controllers.refresh(self.state, self.own)
        reason = self.state.decide(number, report.interval)
        return self._ends(one, None if reason is None else reason.text)

    def _ends(self, one: RunningTrial, told: str | None) -> str | None:
        """Keep what a trial is told, if it is to end: it may be killed first."""
        if told is not None:
            one.told = told
            one.trial.set_user_attr("told", told)
        return told
