"""Simulated workers and the study that they run: a stand-in for the pool of processes, and controllers around it."""

import heapq
import logging
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import JobReturn, JobStatus
from optuna.storages import InMemoryStorage

from benchmarks.sweep.simulation import Actor, Clock, Costs, MeteredStorage, simulated
from lab.config.schema import Limits
from lab.core.record.run_folder import StudyFolder
from lab.early_termination.parsing import parse as parse_policy
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.job import Job
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.reporting.reporter import Report
from lab.sweep.search_space.samplers import build_sampler
from lab.sweep.search_space.space import parse_space
from lab.sweep.storage.shared_controller import SharedController
from lab.sweep.storage.shared_study import SharedStudy
from lab.sweep.study.loop import Search
from lab.sweep.study.progress_table import ProgressTable

SPACE = {
    "optimizer.lr": {"type": "loguniform", "low": 1e-5, "high": 1e-3},
    "data.batch_size": {"type": "choice", "values": [16, 32, 64]},
}
POLL_S = 5.0
"""Seconds that a simulated pool waits at most; a real one waits half a second, which costs steps and changes little."""


@dataclass
class Timeline:
    """What the workers saw. busy_s: slot time in which a trial trained; answers_s: waits for the answer to a report."""

    busy_s: float = 0.0
    answers_s: list[float] = field(default_factory=list)
    starts: int = 0
    ended_at: float = 0.0


@dataclass
class SimulatedPool:
    """The slots of one controller. start_s: from a controller's request to the first step of a trial."""

    clock: Clock
    slots: int
    num_epochs: int
    epoch_s: float
    start_s: float
    timeline: Timeline
    running: dict[int, int] = field(default_factory=dict)
    asked: dict[int, float] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    events: list[tuple[float, int, int, TrialMessage | TrialExit]] = field(default_factory=list)
    """Second, number of the trial, number of the event, and the event."""
    num_events: int = 0

    def open(self) -> None: ...

    def close(self) -> None: ...

    def free(self) -> int:
        return self.slots - len(self.running)

    def start(self, number: int, job: Job, timeout_s: float | None = None) -> None:  # noqa: ARG002
        self.running[number], self.timeline.starts = 0, self.timeline.starts + 1
        self._train(number, self.clock.time() + self.start_s)

    def wait(self) -> list[TrialMessage | TrialExit]:
        until = min(self.events[0][0] if self.events else math.inf, self.clock.time() + POLL_S)
        self.clock.sleep(max(0.0, until - self.clock.time()))
        ready: list[TrialMessage | TrialExit] = []
        while self.events and self.events[0][0] <= self.clock.time():
            at, number, _, event = heapq.heappop(self.events)
            self.asked[number] = at
            if isinstance(event, TrialExit):
                del self.running[number]
                self.stopped.discard(number)
                self.timeline.ended_at = max(self.timeline.ended_at, at)
            ready.append(event)
        return ready

    def answer(self, number: int, reply: object) -> None:
        if number not in self.running or number in self.stopped:
            return
        now = self.clock.time()
        self.timeline.answers_s.append(now - self.asked[number])
        if reply is not None or self.running[number] == self.num_epochs:
            ended = JobReturn(status=JobStatus.COMPLETED)
            ended.return_value = 0.0
            self._add(now, TrialExit(number, ended, None, None))
        else:
            self._train(number, now)

    def stop(self, number: int, how: str) -> None:  # noqa: ARG002
        self.stopped.add(number)
        self.events = [event for event in self.events if event[1] != number]
        heapq.heapify(self.events)
        self._add(self.clock.time(), TrialExit(number, None, "killed", None, "outside"))

    def _add(self, at: float, event: TrialMessage | TrialExit) -> None:
        self.num_events += 1
        heapq.heappush(self.events, (at, event.number, self.num_events, event))

    def _train(self, number: int, begins: float) -> None:
        """The next epoch of a trial, whose pace and values depend on its number alone."""
        draw = random.Random(number)
        seconds, quality = self.epoch_s * draw.uniform(0.5, 1.5), draw.random()
        epoch = self.running[number]
        self.running[number] = epoch + 1
        self.timeline.busy_s += seconds
        value = quality * (1 - 0.7 ** (epoch + 1)) + 0.02 * random.Random(f"{number} {epoch}").random()
        report = Report(epoch + 1, value, epoch, self.num_epochs)
        self._add(begins + seconds, TrialMessage(number, report))


@dataclass(frozen=True)
class Scale:
    """A study to simulate, on controllers x slots workers. kills: (controller, second) of each SIGKILL."""

    controllers: int
    slots: int
    trials: int
    costs: Costs
    num_epochs: int = 10
    epoch_s: float = 60.0
    start_s: float = 5.0
    policy: str = "median_stopping"
    kills: Sequence[tuple[int, float]] = ()


def plan_of(scale: Scale, folder: Path) -> Plan:
    space = parse_space(SPACE)
    limits = Limits.model_construct(
        max_total_trials=scale.trials, max_concurrent_trials=scale.slots, timeout=None, trial_timeout=None,
        max_failed_trials=None,
    )  # fmt: skip
    return Plan(
        study="scale", folder=folder, space=space, sampler=build_sampler({"type": "random", "seed": 0}, space),
        metric="val/f1_macro", goal="maximize", policy=parse_policy(scale.policy), total=scale.trials, limits=limits,
        confirm=None, storage="simulated", fixed=(), settings={}, blocks={}, seed=0,
    )  # fmt: skip


def simulate(scale: Scale, folder: Path) -> dict[str, Any]:
    """Run the study; return its figures. folder: nothing is written into it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    clock, timeline = Clock(), Timeline()
    storage, plan = MeteredStorage(InMemoryStorage(), clock, scale.costs), plan_of(scale, folder)
    kills = dict(scale.kills)
    study = optuna.create_study(study_name=plan.study, storage=storage._inner, direction="maximize")

    def controller(name: str) -> None:
        own = SharedStudy(plan.study, storage, plan.sampler)  # type: ignore[arg-type]  # a metered stand-in
        shared = SharedController(own, storage, "simulated", name, waits_long=False)  # type: ignore[arg-type]
        pool = SimulatedPool(clock, scale.slots, scale.num_epochs, scale.epoch_s, scale.start_s, timeline)
        place = StudyFolder(folder / name)
        Search(plan, own, storage, pool, ProgressTable(plan.total), place, shared).run()  # type: ignore[arg-type]

    actors = [Actor(f"c{n}", dies_at=kills.get(n, math.inf)) for n in range(scale.controllers)]
    logging.disable(logging.INFO)
    try:
        with simulated(clock, scale.costs):
            clock.run([(actor, lambda actor=actor: controller(actor.name)) for actor in actors])
    finally:
        logging.disable(logging.NOTSET)
    return figures(scale, study, storage, clock, timeline)


def figures(
    scale: Scale, study: optuna.Study, storage: MeteredStorage, clock: Clock, timeline: Timeline
) -> dict[str, Any]:
    """Return what the study took.

    makespan_s: until the last trial ended; busy_share: training in the time of the slots whose controllers lived;
    storage_share: of a controller's time, in calls of the storage.
    """
    trials = study.get_trials(deepcopy=False)
    workers, makespan = scale.controllers * scale.slots, timeline.ended_at
    kills = dict(scale.kills)
    lived_s = sum(min(kills.get(number, math.inf), makespan) for number in range(scale.controllers))
    answers, waits = sorted(timeline.answers_s), sorted(clock.lock.waits_s)
    return {
        "workers": workers,
        "trials": len(trials),
        "states": {state: sum(trial.state.name == state for trial in trials) for state in ("COMPLETE", "PRUNED")},
        "starts": timeline.starts,
        "reports": sum(len(trial.intermediate_values) for trial in trials),
        "makespan_s": makespan,
        "busy_share": timeline.busy_s / (scale.slots * lived_s),
        "calls_per_trial": {name: count / len(trials) for name, count in sorted(storage.calls.items())},
        "calls_per_s": sum(storage.calls.values()) / makespan,
        "storage_share": storage.busy_s / lived_s,
        "answer_s": {"median": answers[len(answers) // 2], "p99": answers[int(0.99 * len(answers))]},
        "lock_s": {"median": waits[len(waits) // 2], "p99": waits[int(0.99 * len(waits))]},
        "best": study.best_value,
    }
