"""The loop of a study: ask Optuna for a trial, start it in a free slot, handle its reports and its end; no barrier.

Optuna's storage has what a resumed study needs: parameters, all reports and the attributes of `trial_attributes`. An
interrupted trial keeps its number and is the next to start, from its last checkpoint: numbers, folders and samples are
those of an uninterrupted study.
"""

import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, field

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.machine_faults import MachineError
from lab.core.record.run_folder import StudyFolder
from lab.early_termination.incremental import IncrementalState
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.hydra_launcher_pool import LauncherPool
from lab.sweep.execution.job import Job
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.execution.process_pool import Pool
from lab.sweep.execution.recovery import record_failure, recorded_outcome, resume_override
from lab.sweep.execution.trial_outcome import (
    BestReport,
    Interruptions,
    TrialOutcome,
    after_interruption,
    best_report,
    outcome_line,
    outcome_of_exit,
    outcome_of_finished_run,
)
from lab.sweep.reporting.reporter import Report, StoredReports, UnloggedMetric
from lab.sweep.storage.controllers import SoleController
from lab.sweep.storage.optuna_storage import requeue
from lab.sweep.study.interrupts import Interrupts
from lab.sweep.study.progress_table import ProgressTable
from lab.sweep.study.report_handler import ReportHandler, RunningTrial
from lab.sweep.study.results import STATES
from lab.sweep.study.trial_attributes import write_end, write_values

WAIT_S = 2.0
"""Seconds between looks at the trials of other controllers, when there are no others."""


@dataclass
class Search:
    """One command's share of a study."""

    plan: Plan
    study: optuna.Study
    storage: BaseStorage
    pool: Pool | LauncherPool
    progress: ProgressTable
    folder: StudyFolder
    controllers: SoleController
    running: dict[int, RunningTrial] = field(default_factory=dict)
    num_failed: int = 0
    ending: str | None = None
    """Why no further trial is started; None as long as there are trials to start."""
    num_awaited: int = 0
    """Trials of other controllers that this one waits for."""
    error: RequestError | MachineError | None = None
    """Raised when all running trials have stopped."""

    def __post_init__(self) -> None:
        self.interrupts = Interrupts(self.plan.limits.timeout)
        self.state = IncrementalState(self.plan.policy, self.plan.goal)
        self.report_handler = ReportHandler(self.plan, self.state, self.controllers, self.progress, self.running)
        self.num_trials, ended = 0, list[str]()
        for trial in self.study.get_trials(deepcopy=False):
            self.num_trials += 1
            for step in sorted(trial.intermediate_values):
                self.state.report(trial.number, trial.intermediate_values[step])
            if trial.state.is_finished():
                self.state.finish(trial.number)
                if "best_value" in trial.user_attrs and trial.state is not TrialState.FAIL:
                    self._update_best(trial.number, trial.user_attrs["best_value"])
                ended.append(STATES[trial.state])
        self.progress.begin(self.plan.total, ended)
        self.num_waiting = self.num_trials - len(ended)

    def run(self) -> None:
        """Run trials until the total is reached or something stops the study.

        Raises RequestError if no trial logs the objective, MachineError if the machine failed a trial.
        """
        try:
            with self.interrupts.counting():
                if self._has_more():
                    self.pool.open()
                while True:
                    self._stop_if_requested()
                    self.controllers.take_over()
                    while self.ending is None and self.pool.free() and self._has_more():
                        self._start()
                        self._give_up(self.controllers.heartbeat(self._own_trials()))
                    if not self.running:
                        if self._waits_for_others():
                            continue
                        break
                    with self.controllers.marking(self._own_trials()):
                        events = self.pool.wait()
                    self._give_up(self.controllers.heartbeat(self._own_trials()))
                    for event in events:
                        self._on_message(event) if isinstance(event, TrialMessage) else self._on_exit(event)
                    self.progress.tick()
        finally:
            for number, running in self.running.items():
                if running.is_ours:
                    requeue(self.storage, self.plan.study, number)
        if self.error is not None:
            raise self.error

    def _own_trials(self) -> list[optuna.Trial]:
        return [running.trial for running in self.running.values() if running.is_ours]

    def _has_more(self) -> bool:
        if any(not running.is_ours for running in self.running.values()):  # its process must end before it may return
            return False
        if self.controllers.may_create(self.plan.total):
            return True
        self.num_trials, self.num_waiting = self.controllers.count_trials(self.num_trials, self.num_waiting)
        return self.num_waiting > 0 or self.num_trials < self.plan.total

    def _waits_for_others(self) -> bool:
        """Wait a moment for trials of other controllers, which may return to the queue; False without such trials."""
        num = 0 if self.ending is not None else self.controllers.num_awaited()
        if num != self.num_awaited and num:
            trials = "1 trial" if num == 1 else f"{num} trials"
            self.progress.log(f"waiting for {trials} of other controllers; Ctrl-C leaves them to these")
        self.num_awaited = num
        if num:
            time.sleep(WAIT_S)
        return num > 0

    def _stop_if_requested(self) -> None:
        request = self.interrupts.requested()
        if request is None:
            return
        why, now = request
        if not now and self.ending is None and self.running:
            num = len(self.running)
            trials = (
                "1 running trial continues to its end" if num == 1 else f"{num} running trials continue to their end"
            )
            self.progress.log(f"Ctrl-C: {trials}, no other starts; press it again to stop all of them now")
        self._end(why, now)

    def _end(self, why: str, now: bool) -> None:
        self.ending = self.ending or why
        if now:
            for number in self.running:
                self.pool.stop(number, "stop")

    def _start(self) -> None:
        with self.controllers.lock():
            if not self._has_more():
                return
            trial = self.study.ask(self.plan.space.distributions())
            was_waiting = self.controllers.was_waiting(trial, self.num_trials)
            self.controllers.claim(trial)
        self.controllers.refresh(self.state, self.running)
        self.num_waiting -= was_waiting
        self.num_trials += not was_waiting
        known = dict(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values) if was_waiting else {}
        for interval in sorted(known)[len(self.state.histories.get(trial.number, [])) :]:  # from another controller
            self.state.report(trial.number, known[interval])
        values = self.plan.space.values(trial.params)
        overrides = self.plan.space.overrides(values)
        write_values(trial, values)
        self.running[trial.number] = RunningTrial(trial, known, reason=trial.user_attrs.get("termination_reason"))
        self.progress.started(trial.number, " ".join(overrides))
        if (ended := recorded_outcome(self.folder.trial(trial.number))) is not None:
            self._on_recorded_end(trial.number, ended)
            return
        resume = resume_override(self.folder, str(trial.number))
        job = Job(trial.number, [*self.plan.fixed, *overrides, *resume], str(trial.number))
        self.pool.start(trial.number, job, self.plan.limits.trial_timeout)

    def _best(self, number: int) -> BestReport | None:
        return best_report(self.running[number].reports, self.running[number].epochs, self.plan.goal)

    def _on_recorded_end(self, number: int, ended: TrialOutcome) -> None:
        """Handle an end that the trial recorded, but that Optuna did not learn before the controller was killed."""
        if ended.status == "completed":
            ended = outcome_of_finished_run(self.running[number].reason, self._best(number) is not None)
        self._conclude(number, ended)

    def _give_up(self, numbers: Collection[int]) -> None:
        """Stop trials that another controller has taken over: its reports count."""
        for number in numbers:
            self.running[number].is_ours = False
            self.pool.stop(number, "kill")
            self.progress.interrupted(number, "this controller was silent, and another took it over")

    def _on_message(self, event: TrialMessage) -> None:
        running, message = self.running[event.number], event.message
        if not running.is_ours:
            self.pool.answer(event.number, "another controller has this trial")
        elif isinstance(message, StoredReports):
            running.reason = message.reason
            running.reports |= message.reports
            running.epochs |= message.epochs
        elif isinstance(message, UnloggedMetric):
            near = nearest(message.metric, message.logged)
            problem = f"no validation metric has this name; logged are {listed(message.logged)}"
            remedy = f"sweep.objective.primary_metric={near}" if near else ""
            self.error = RequestError(Mistake("sweep.objective.primary_metric", problem, remedy, message.metric))
            self.pool.answer(event.number, None)
            self._end("the objective is not logged", now=True)
        else:
            reason = self.report_handler.handle(event.number, running, message) if isinstance(message, Report) else None
            self.pool.answer(event.number, reason)
            if reason is not None:
                self.progress.mark_ending(event.number)

    def _on_exit(self, event: TrialExit) -> None:
        running = self.running[event.number]
        if not running.is_ours:
            del self.running[event.number]
            return
        has_value = self._best(event.number) is not None
        ended = outcome_of_exit(event, running.reason, has_value, self.plan.limits.trial_timeout)
        if ended.stops_study:  # every other trial would be interrupted too, so all return to the queue
            self._end(ended.reason, now=True)
            self.error = self.error or MachineError(f"trial {event.number}: {ended.reason}")
        elif ended.status == "interrupted" and event.requested is None:
            before = Interruptions(**running.trial.user_attrs.get("cuts", {}))
            interruptions, ended = after_interruption(before, len(running.reports), ended.reason)
            running.trial.set_user_attr("cuts", asdict(interruptions))
        if ended.status == "failed":
            record_failure(self.folder.trial(event.number), ended)
        self._conclude(event.number, ended)

    def _conclude(self, number: int, ended: TrialOutcome) -> None:
        """Report the end to Optuna and to the user; an interrupted trial returns to the queue."""
        best, trial = self._best(number), self.running.pop(number).trial
        if ended.status == "interrupted":
            requeue(self.storage, self.plan.study, number)
            self.num_waiting += 1
            next_step = "it will resume" if self.ending is None else "the same command resumes it"
            self.progress.interrupted(number, f"{ended.reason}; {next_step}")
            return
        write_end(trial, ended, best, self.folder.trial(number).best)
        self.state.finish(number)
        if ended.status == "completed" and best is not None:
            self.study.tell(trial, best.value)
        else:
            self.study.tell(trial, state=TrialState.PRUNED if ended.status == "terminated" else TrialState.FAIL)
        if ended.status == "failed":
            self._count_failure()
        elif best is not None:
            self._update_best(number, best.value)
        self.progress.finished(number, ended.status, outcome_line(ended, best, self.plan.metric))

    def _count_failure(self) -> None:
        self.num_failed += 1
        most = self.plan.limits.max_failed_trials
        if most is not None and self.num_failed > most:
            self._end(f"{self.num_failed} trials failed, more than max_failed_trials={most}", now=True)

    def _update_best(self, number: int, value: float) -> None:
        best = self.progress.best_trial
        if best is None or self.plan.sign * value > self.plan.sign * best[1]:
            self.progress.best_trial = (number, value)
