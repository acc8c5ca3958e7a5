"""The loop of a study: ask Optuna, start a trial in a free slot, hear its reports, tell how it ended; no barrier.

Optuna's storage holds all that a resume needs: parameters, every report, and as trial attributes the real values, the
best value with its epoch and checkpoint, and why a trial ended (Optuna itself keeps the last report of a pruned trial).
A trial that was cut goes back to the queue with its number and is the next to start, from its last checkpoint: numbers,
folders and draws are those of an uncut study.
"""

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
from lab.sweep.execution.recovery import record_failure, recorded_outcome, resumed
from lab.sweep.execution.trial_outcome import (
    Interruptions,
    TrialOutcome,
    after,
    best_of,
    ending,
    outcome_of_finished_run,
    words,
)
from lab.sweep.reporting.reporter import Report, StoredReports, UnloggedMetric
from lab.sweep.storage.controllers import SoleController
from lab.sweep.storage.optuna_storage import requeue
from lab.sweep.study.interrupts import Interrupts
from lab.sweep.study.progress_table import ProgressTable
from lab.sweep.study.report_handler import ReportHandler, RunningTrial
from lab.sweep.study.results import STATES
from lab.sweep.study.trial_attributes import write_end, write_values


@dataclass
class Search:
    """One command's share of a study."""

    plan: Plan
    study: optuna.Study
    storage: BaseStorage
    pool: Pool | LauncherPool
    board: ProgressTable
    folder: StudyFolder
    controllers: SoleController
    running: dict[int, RunningTrial] = field(default_factory=dict)
    num_failed: int = 0
    ending: str | None = None
    """Why no further trial is started; None while there are some to start."""
    refusal: RequestError | MachineError | None = None

    def __post_init__(self) -> None:
        self.interrupts = Interrupts(self.plan.limits.timeout)
        self.state = IncrementalState(self.plan.policy, self.plan.goal)
        self.report_handler = ReportHandler(self.plan, self.state, self.controllers, self.board, self.running)
        self.num_trials, ended = 0, list[str]()
        for trial in self.study.get_trials(deepcopy=False):
            self.num_trials += 1
            for step in sorted(trial.intermediate_values):
                self.state.report(trial.number, trial.intermediate_values[step])
            if trial.state.is_finished():
                self.state.finish(trial.number)
                told = trial.user_attrs
                if "best_value" in told and trial.state is not TrialState.FAIL:
                    self._compare(trial.number, told["best_value"])
                ended.append(STATES[trial.state])
        self.board.begin(self.plan.total, ended)
        self.num_waiting = self.num_trials - len(ended)

    def run(self) -> None:
        """Until the total is reached or something ends it. Raises RequestError for a metric that nobody logs,
        MachineError where the machine failed a trial."""
        try:
            with self.interrupts.counting():
                if self._has_more():
                    self.pool.open()
                while True:
                    self._stop_if_asked()
                    while self.ending is None and self.pool.free() and self._has_more():
                        self._start()
                    if not self.running:
                        break
                    events = self.pool.wait()
                    self._let_go(
                        self.controllers.heartbeat([one.trial for one in self.running.values() if one.is_ours])
                    )
                    for event in events:
                        self._heard(event) if isinstance(event, TrialMessage) else self._gone(event)
                    self.board.tick()
        finally:
            for number, one in self.running.items():
                if one.is_ours:
                    requeue(self.storage, self.plan.study, number)
        if self.refusal is not None:
            raise self.refusal

    def _has_more(self) -> bool:
        if any(not one.is_ours for one in self.running.values()):  # its process is to be gone before it may come back
            return False
        self.num_trials, self.num_waiting = self.controllers.count_trials(self.num_trials, self.num_waiting)
        return self.num_waiting > 0 or self.num_trials < self.plan.total

    def _stop_if_asked(self) -> None:
        asked = self.interrupts.asked()
        if asked is None:
            return
        why, now = asked
        if not now and self.ending is None:
            num = len(self.running)
            running = "1 running trial goes on to its end" if num == 1 else f"{num} running trials go on to their end"
            self.board.log(f"Ctrl-C: {running}, no other starts; once more stops it all now")
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
            self.controllers.claim(trial)
        self.controllers.refresh(self.state, self.running)
        waited = trial.number < self.num_trials
        self.num_waiting -= waited
        self.num_trials += not waited
        known = dict(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values) if waited else {}
        for interval in sorted(known)[len(self.state.histories.get(trial.number, [])) :]:  # to another controller
            self.state.report(trial.number, known[interval])
        values = self.plan.space.values(trial.params)
        overrides = self.plan.space.overrides(values)
        write_values(trial, values)
        self.running[trial.number] = RunningTrial(trial, known, told=trial.user_attrs.get("told"))
        self.board.started(trial.number, " ".join(overrides))
        run = self.folder.trial(trial.number)
        if (ended := recorded_outcome(run)) is not None:
            self._harvested(trial.number, ended)
            return
        again = resumed(self.folder, str(trial.number))
        job = Job(trial.number, [*self.plan.fixed, *overrides, *again], str(trial.number))
        self.pool.start(trial.number, job, self.plan.limits.trial_timeout)

    def _harvested(self, number: int, ended: TrialOutcome) -> None:
        """An end that was recorded, and not told before the controller was killed."""
        one = self.running[number]
        if ended.status == "completed":
            ended = outcome_of_finished_run(one.told, best_of(one.reports, one.epochs, self.plan.goal) is not None)
        self._conclude(number, ended)

    def _let_go(self, numbers: Collection[int]) -> None:
        """Trials that another controller has taken over meanwhile: theirs are the reports that count."""
        for number in numbers:
            self.running[number].is_ours = False
            self.pool.stop(number, "kill")
            self.board.interrupted(number, "this controller was silent, and another took it over")

    def _heard(self, event: TrialMessage) -> None:
        one, message = self.running[event.number], event.message
        if not one.is_ours:
            self.pool.answer(event.number, "another controller has this trial")
        elif isinstance(message, StoredReports):
            one.told = message.told
            one.reports |= message.reports
            one.epochs |= message.epochs
        elif isinstance(message, UnloggedMetric):
            near = nearest(message.metric, message.logged)
            problem = f"no validation metric has this name; logged are {listed(message.logged)}"
            remedy = f"sweep.objective.primary_metric={near}" if near else ""
            self.refusal = RequestError(Mistake("sweep.objective.primary_metric", problem, remedy, message.metric))
            self.pool.answer(event.number, None)
            self._end("the objective is not logged", now=True)
        else:
            told = self.report_handler.handle(event.number, one, message) if isinstance(message, Report) else None
            self.pool.answer(event.number, told)
            if told is not None:
                self.board.mark_ending(event.number)

    def _gone(self, event: TrialExit) -> None:
        one = self.running[event.number]
        if not one.is_ours:
            del self.running[event.number]
            return
        has_value = best_of(one.reports, one.epochs, self.plan.goal) is not None
        ended = ending(event, one.told, has_value, self.plan.limits.trial_timeout)
        if ended.stops_study:
            self._machine_failed(event.number, ended)
        elif ended.status == "cut" and event.requested is None:
            cuts, ended = after(Interruptions(**one.trial.user_attrs.get("cuts", {})), len(one.reports), ended.reason)
            one.trial.set_user_attr("cuts", asdict(cuts))
        if ended.status == "failed":
            record_failure(self.folder.trial(event.number), ended)
        self._conclude(event.number, ended)

    def _machine_failed(self, number: int, ended: TrialOutcome) -> None:
        """Every other trial would meet the same: all go back to the queue."""
        self._end(ended.reason, now=True)
        self.refusal = self.refusal or MachineError(f"trial {number}: {ended.reason}")

    def _conclude(self, number: int, ended: TrialOutcome) -> None:
        """Tell Optuna and the board; a cut trial goes back to the queue."""
        one = self.running.pop(number)
        if ended.status == "cut":
            requeue(self.storage, self.plan.study, number)
            self.num_waiting += 1
            goes_on = "it goes on" if self.ending is None else "the same command goes on with it"
            self.board.interrupted(number, f"{ended.reason}; {goes_on}")
            return
        best = best_of(one.reports, one.epochs, self.plan.goal)
        write_end(one.trial, ended, best, self.folder.trial(number).best)
        self.state.finish(number)
        if ended.status == "completed" and best is not None:
            self.study.tell(one.trial, best.value)
        else:
            self.study.tell(one.trial, state=TrialState.PRUNED if ended.status == "terminated" else TrialState.FAIL)
        if ended.status == "failed":
            self._count_failure()
        elif best is not None:
            self._compare(number, best.value)
        self.board.finished(number, ended.status, words(ended, best, self.plan.metric))

    def _count_failure(self) -> None:
        self.num_failed += 1
        most = self.plan.limits.max_failed_trials
        if most is not None and self.num_failed > most:
            self._end(f"{self.num_failed} trials failed, more than max_failed_trials={most}", now=True)

    def _compare(self, number: int, value: float) -> None:
        top = self.board.goal_best
        if top is None or self.plan.sign * value > self.plan.sign * top[1]:
            self.board.goal_best = (number, value)
