"""A study of many controllers under a simulated clock: the study's own loop, policies and storage calls, no training.

Each controller runs the real `Search` in a thread of its own, and exactly one thread runs at a time: the one whose
clock is earliest. Time passes where a controller waits for its trials, for the lock, or for the storage, whose calls
cost what they were measured to cost. Nothing depends on the machine: the same numbers give the same study.
"""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from lab.sweep.storage import shared_controller
from lab.sweep.storage.database_lock import LOOK_S
from lab.sweep.study import loop

FREE = {
    "get_study_directions",
    "get_study_name_from_id",
    "get_study_id_from_name",
    "get_n_trials",
    "check_trial_is_updatable",
}
"""Calls that Optuna answers from memory after the first."""


@dataclass(frozen=True)
class Costs:
    """Seconds of the storage's calls. read_trial_s: of each trial that has not ended, in a reading of the study."""

    write_s: float
    read_s: float
    read_trial_s: float
    lock_s: float


class Killed(BaseException):
    """Ends the thread of a controller that was killed, without a trace in the storage."""


@dataclass(eq=False)
class Actor:
    """A controller's thread. now: its clock in simulated seconds; dies_at: when it is killed."""

    name: str
    now: float = 0.0
    dies_at: float = float("inf")
    is_dead: bool = False
    turn: threading.Event = field(default_factory=threading.Event)


class Clock:
    """The simulated clock, in place of the module `time`, and the turns of the actors."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Actor]] = []
        self._count, self._over = 0, threading.Event()
        self._current = threading.local()
        self.lock = Lock(self)
        self.errors: list[BaseException] = []

    @property
    def actor(self) -> Actor:
        """The actor of this thread."""
        return self._current.actor  # type: ignore[no-any-return]

    def time(self) -> float:
        return self.actor.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Let the time pass; other actors run in the meantime."""
        actor = self.actor
        if actor.is_dead:
            raise Killed
        actor.now += seconds
        if self._queue and self._queue[0][0] <= actor.now:
            self.wake(actor, actor.now)
            self.pause()
        elif actor.now >= actor.dies_at:
            self._die()

    def wake(self, actor: Actor, at: float) -> None:
        """Give an actor its turn at a time."""
        self._count += 1
        heapq.heappush(self._queue, (at, self._count, actor))

    def forget(self, actor: Actor) -> None:
        """Take back all turns of an actor that are still to come."""
        self._queue = [entry for entry in self._queue if entry[2] is not actor]
        heapq.heapify(self._queue)

    def pause(self) -> None:
        """Let the others run until this actor is woken."""
        actor = self.actor
        actor.turn.clear()
        self._next()
        actor.turn.wait()
        if actor.is_dead:
            raise Killed
        if actor.now >= actor.dies_at:
            self._die()

    def run(self, actors: list[tuple[Actor, Any]]) -> None:
        """Run each actor's function until all have ended. Raises the first error of a function."""
        threads = [threading.Thread(target=self._act, args=pair, daemon=True) for pair in actors]
        for (actor, _), thread in zip(actors, threads, strict=True):
            self.wake(actor, actor.now)
            thread.start()
        self._next()
        self._over.wait()
        for thread in threads:
            thread.join(timeout=60)
        if self.errors:
            raise self.errors[0]

    def _act(self, actor: Actor, function: Any) -> None:
        self._current.actor = actor
        actor.turn.wait()
        try:
            function()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  raised again by `run`
            self.errors.append(error)
        self._next()

    def _next(self) -> None:
        if not self._queue:
            self._over.set()
            return
        at, _, actor = heapq.heappop(self._queue)
        actor.now = max(actor.now, at)
        actor.turn.set()

    def _die(self) -> None:
        """End this actor as a SIGKILL would: the kernel frees its lock, and no other trace is left."""
        self.actor.is_dead = True
        self.lock.leave(self.actor)
        raise Killed


class Lock:
    """The lock of the study, first come, first served. waits_s: of each entry."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.owner = clock, None
        self.waiting: list[Actor] = []
        self.waits_s: list[float] = []
        self.owner: Actor | None = None

    @contextmanager
    def held(self, cost_s: float, waiting: Callable[[], object]) -> Iterator[None]:
        """Hold the lock inside the block. cost_s: of taking and freeing it; waiting: called every `LOOK_S` before."""
        actor, began = self.clock.actor, self.clock.actor.now
        while self.owner is not None:
            self.waiting.append(actor)
            self.clock.wake(actor, actor.now + LOOK_S)
            self.clock.pause()
            if actor in self.waiting:
                self.waiting.remove(actor)
                waiting()
            else:
                self.clock.forget(actor)
        self.owner = actor
        self.waits_s.append(actor.now - began)
        self.clock.sleep(cost_s)
        try:
            yield
        finally:
            self.leave(actor)

    def leave(self, actor: Actor) -> None:
        """Free the lock if this actor has it; the first that waits gets its turn."""
        self.waiting = [other for other in self.waiting if other is not actor]
        if self.owner is actor:
            self.owner = None
            if self.waiting:
                self.clock.wake(self.waiting.pop(0), actor.now)


class MeteredStorage:
    """A storage in memory whose calls are counted and take simulated time. busy_s: of all calls together."""

    def __init__(self, inner: Any, clock: Clock, costs: Costs) -> None:
        self._inner, self._clock, self._costs = inner, clock, costs
        self.calls: Counter[str] = Counter()
        self.busy_s = 0.0
        self.unfinished: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name.startswith("_") or name in FREE or not callable(method):
            return method

        def metered(*words: Any, **settings: Any) -> Any:
            if self._clock.actor.is_dead:
                raise Killed
            states = settings.pop("states", None)  # Optuna's storage in memory overlooks trials that are queued again
            result = method(*words, **settings)
            if states is not None:
                result = [trial for trial in result if trial.state in states]
            if name == "create_new_trial":
                self.unfinished.add(result)
            elif name == "set_trial_state_values" and [*words, *settings.values()][1].is_finished():
                self.unfinished.discard(words[0])
            seconds = self._seconds(name)
            self.calls["write" if name.startswith(("set_", "create_")) else name] += 1
            self.busy_s += seconds
            self._clock.sleep(seconds)
            return result

        return metered

    def _seconds(self, name: str) -> float:
        if name.startswith(("set_", "create_")):
            return self._costs.write_s
        return self._costs.read_s + (
            self._costs.read_trial_s * len(self.unfinished) if name == "get_all_trials" else 0.0
        )


@contextmanager
def simulated(clock: Clock, costs: Costs) -> Iterator[None]:
    """Put the clock and the lock in place of the real ones inside the block."""
    with (
        patch.object(loop, "time", clock),
        patch.object(shared_controller, "time", clock),
        patch.object(shared_controller, "shared_lock", lambda *words: clock.lock.held(costs.lock_s, words[-1])),
    ):
        yield
