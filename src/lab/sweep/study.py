"""The loop of a study: ask Optuna, start a trial in a free slot, hear its reports, tell how it ended; no barrier.

Optuna's storage holds all that a resume needs: parameters, every report, and as trial attributes the real values, the
best value with its epoch and checkpoint, and why a trial ended (Optuna itself keeps the last report of a pruned trial).
A trial that was cut goes back to the queue with its number: numbers, folders and draws are those of an uncut study.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import optuna
from hydra.core.override_parser.types import Quote, QuotedString
from optuna.trial import Trial, TrialState

from lab.errors import Mistake, RequestError, listed, nearest
from lab.policies import OptunaPruner
from lab.record import RunFolder, StudyFolder
from lab.sweep.board import Board
from lab.sweep.endings import Best, Ending, best_of, ending
from lab.sweep.jobs import Job
from lab.sweep.leftovers import harvest, record_failure, set_aside
from lab.sweep.plan import Plan
from lab.sweep.processes import Gone, Pool, Said
from lab.sweep.reporter import Report, Unlogged
from lab.sweep.standings import Standings


@dataclass
class _Live:
    """A trial that runs."""

    trial: Trial
    reports: dict[int, float]
    epochs: dict[int, int]
    told: str | None = None


@dataclass
class Search:
    """One command's share of a study."""

    plan: Plan
    study: optuna.Study
    pool: Pool
    board: Board
    folder: StudyFolder
    live: dict[int, _Live] = field(default_factory=dict)
    num_failed: int = 0
    interrupts: int = 0
    ending: str | None = None
    """Why no further trial is started; None while there are some to start."""
    refusal: RequestError | None = None
    held_back: bool = False

    def __post_init__(self) -> None:
        self.standings = Standings(self.plan.policy, self.plan.goal)
        self.num_trials = 0
        for trial in self.study.get_trials(deepcopy=False):
            self.num_trials += 1
            for step in sorted(trial.intermediate_values):
                self.standings.report(trial.number, trial.intermediate_values[step])
            if trial.state.is_finished():
                self.standings.finish(trial.number)
        self.board.ended = len(self.standings.finished)
        self.num_waiting = self.num_trials - self.board.ended

    def run(self) -> None:
        """Until the total is reached or something ends it. Raises RequestError for a metric that nobody logs."""
        limit = self.plan.limits.timeout
        deadline = time.monotonic() + limit if limit is not None else float("inf")
        with self._counting_interrupts():
            while True:
                self._look_at_the_clock(deadline)
                while self.ending is None and self.pool.free() and self._has_more():
                    self._start()
                if not self.live:
                    break
                for event in self.pool.wait():
                    self._heard(event) if isinstance(event, Said) else self._gone(event)
        if self.refusal is not None:
            raise self.refusal

    def _has_more(self) -> bool:
        return self.num_waiting > 0 or self.num_trials < self.plan.total

    def _look_at_the_clock(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            self._end(f"its time of {self.plan.limits.timeout:g} s is over", now=True)
        if self.interrupts >= 2:
            self._end("stopped by a second Ctrl-C or SIGTERM", now=True)
        elif self.interrupts == 1 and self.ending is None:
            words = "Ctrl-C: {} go on to their end, no other starts; once more stops them now"
            self.board.say(words.format(_trials(len(self.live))))
            self._end("stopped by Ctrl-C", now=False)

    def _end(self, why: str, now: bool) -> None:
        self.ending = self.ending or why
        if now:
            for number in self.live:
                self.pool.stop(number, "stop")

    def _start(self) -> None:
        trial = self.study.ask(self.plan.space.distributions())
        waited = trial.number < self.num_trials
        self.num_waiting -= waited
        self.num_trials += not waited
        frozen = self.study.get_trials(deepcopy=False)[trial.number] if waited else None
        known = dict(frozen.intermediate_values) if frozen is not None else {}
        epochs = {int(interval): epoch for interval, epoch in trial.user_attrs.get("epochs", {}).items()}
        values = self.plan.space.values(trial.params)
        overrides = self.plan.space.overrides(values)
        if "values" not in trial.user_attrs:
            trial.set_user_attr("values", values)
        self.live[trial.number] = _Live(trial, known, epochs)
        self.board.started(trial.number, " ".join(overrides))
        run = self.folder.trial(trial.number)
        ended = harvest(run)
        if ended is not None:
            self._conclude(trial.number, ended)
            return
        again = resumed(run)
        if run.path.exists() and not again:
            set_aside(self.folder, trial.number)
        job = Job(trial.number, [*self.plan.fixed, *overrides, *again], str(trial.number))
        self.pool.start(trial.number, job, self.plan.limits.trial_timeout)

    def _heard(self, event: Said) -> None:
        message = event.message
        if isinstance(message, Unlogged):
            near = nearest(message.metric, message.logged)
            problem = f"no validation metric has this name; logged are {listed(message.logged)}"
            remedy = f"sweep.objective.primary_metric={near}" if near else ""
            self.refusal = RequestError(Mistake("sweep.objective.primary_metric", problem, remedy, message.metric))
            self.pool.answer(event.number, None)
            self._end("the objective is not logged", now=True)
        else:
            told = self._decided(event.number, message) if isinstance(message, Report) else None
            self.pool.answer(event.number, told)

    def _decided(self, number: int, report: Report) -> str | None:
        """Keep a report; None to keep the trial, else why it ends."""
        one, plan = self.live[number], self.plan
        if report.interval not in one.reports:
            one.trial.report(report.value, report.interval)
            self.standings.report(number, report.value)
        one.reports[report.interval], one.epochs[report.interval] = report.value, report.epoch
        best = best_of(one.reports, one.epochs, plan.goal)
        if best is not None and best.interval == report.interval:
            one.trial.set_user_attr("best_value", best.value)
            one.trial.set_user_attr("best_epoch", best.epoch)
        share = (report.epoch + 1) / max(1, report.num_epochs)
        self.board.reported(number, report.interval, share, best.value if best is not None else None)
        if isinstance(plan.policy, OptunaPruner):
            one.told = f"{plan.policy.name} at interval {report.interval}" if one.trial.should_prune() else None
            return one.told
        if not self.held_back and (why := self.standings.holds_back(report.interval)):
            self.held_back = True
            self.board.say(why)
        one.told = self.standings.decide(number, report.interval)
        return one.told

    def _gone(self, event: Gone) -> None:
        one = self.live[event.number]
        has_value = best_of(one.reports, one.epochs, self.plan.goal) is not None
        ended = ending(event, one.told, has_value, self.plan.limits.trial_timeout)
        if ended.status == "failed":
            record_failure(self.folder.trial(event.number), ended)
        self._conclude(event.number, ended)

    def _conclude(self, number: int, ended: Ending) -> None:
        """Tell Optuna and the board; a cut trial goes back to the queue."""
        one = self.live.pop(number)
        if ended.status == "cut":
            self.study._storage.set_trial_state_values(one.trial._trial_id, TrialState.WAITING)
            self.num_waiting += 1
            self.board.rows.pop(number, None)
            self.board.say(f"trial {number} was cut: {ended.reason}; the same command goes on with it")
            return
        best = best_of(one.reports, one.epochs, self.plan.goal)
        self._attributes(one.trial, ended, best)
        self.standings.finish(number)
        if ended.status == "completed" and best is not None:
            self.study.tell(one.trial, best.value)
        else:
            self.study.tell(one.trial, state=TrialState.PRUNED if ended.status == "terminated" else TrialState.FAIL)
        self._compare(number, ended, best)
        self.board.ended_with(number, _words(ended, best, self.plan.metric))

    def _attributes(self, trial: Trial, ended: Ending, best: Best | None) -> None:
        attributes: dict[str, Any] = {"status": ended.status, "reason": ended.reason, "failure": ended.failure}
        if best is not None:
            checkpoint = self.folder.trial(trial.number).best
            attributes |= {"best_value": best.value, "best_epoch": best.epoch, "best_interval": best.interval}
            attributes |= {"checkpoint": str(checkpoint)} if checkpoint.exists() else {}
        for name, value in attributes.items():
            if value is not None and trial.user_attrs.get(name) != value:
                trial.set_user_attr(name, value)

    def _compare(self, number: int, ended: Ending, best: Best | None) -> None:
        if ended.status == "failed":
            self.num_failed += 1
            most = self.plan.limits.max_failed_trials
            if most is not None and self.num_failed > most:
                self._end(f"{self.num_failed} trials failed, more than max_failed_trials={most}", now=True)
        elif best is not None:
            top = self.board.goal_best
            if top is None or self.plan.sign * best.value > self.plan.sign * top[1]:
                self.board.goal_best = (number, best.value)

    @contextmanager
    def _counting_interrupts(self) -> Iterator[None]:
        """Ctrl-C counts instead of raising; a SIGTERM counts as two."""

        def count(number: int, _: FrameType | None) -> None:
            self.interrupts += 2 if number == signal.SIGTERM else 1

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def resumed(run: RunFolder) -> list[str]:
    """The override that goes on from a run's last checkpoint, where it has one."""
    if not run.last.exists():
        return []
    return [f"resume={QuotedString(str(run.path.absolute()), Quote.single).with_quotes()}"]


def _words(ended: Ending, best: Best | None, metric: str) -> str:
    value = "" if best is None else f"  best {metric} {best.value:.4f} at interval {best.interval}"
    kind = f" ({ended.failure})" if ended.failure else ""
    reason = "" if ended.status == "completed" else f": {ended.reason}"
    return f"{ended.status}{kind}{reason}{value}"


def _trials(count: int) -> str:
    return "1 running trial" if count == 1 else f"{count} running trials"
