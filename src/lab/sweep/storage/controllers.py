"""A study that several controllers share through one database, each on a machine of its own, in a folder of its own.

They take turns at starting trials, so that the total is exact. Each marks its running trials with the time, and those
of a controller that has been silent for `SILENT_S` are run again by whoever comes next, once it has seen for `WATCH_S`
that the marks stay as they are: a clock that was set forward takes nobody's trials. A controller that wakes after that
(a laptop that slept) gives them up. Controllers are known by an id in their study's folder; machines may share a name.
Policies compare with what the others' trials have reported up to a second ago.
"""

import logging
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState

from lab.core.errors import Mistake, RequestError, listed
from lab.early_termination.incremental import IncrementalState
from lab.sweep.storage.database_lock import database_lock
from lab.sweep.storage.optuna_storage import trial_id

log = logging.getLogger(__name__)
HEARTBEAT_S, SILENT_S, REFRESH_S = 15.0, 120.0, 1.0
WATCH_S = 2 * HEARTBEAT_S + 5.0


class SoleController:
    """No other controller: the study's folder is locked, and what is counted once stays true."""

    me: str | None = None

    def __init__(self, study: optuna.Study) -> None:
        self.study = study

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Within it no other controller starts a trial."""
        yield

    def count_trials(self, num_trials: int, num_waiting: int) -> tuple[int, int]:
        """Trials there are, and those of them that wait, given what was known."""
        return num_trials, num_waiting

    def claim(self, trial: Trial) -> None:
        """Mark a trial as this controller's."""

    def heartbeat(self, trials: Sequence[Trial]) -> list[int]:  # noqa: ARG002  SharedController needs them
        """Show that they run; to be called often, and acts now and then. Gives those that others have taken over."""
        return []

    def refresh(self, state: IncrementalState, own: Collection[int]) -> None:
        """Put down what trials of others have reported; own: numbers of those that run here."""

    def join(self, fingerprint: str) -> None:
        """Raises RequestError where the study that others began has another space."""

    def watch(self) -> None:
        """Before `lost`: look whether the trials of silent controllers go on after all."""

    def release(self, number: int) -> None:
        """A lost trial is nobody's until it is claimed again."""

    def abandoned(self) -> list[int]:
        """Trials left RUNNING that nobody runs."""
        return [one.number for one in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]

    def has_unfinished_trials(self) -> bool:
        """Whether others still run trials or have to."""
        return False


class SharedController(SoleController):
    """One of several controllers. url: where all find `storage`; me: its id, kept in its folder.

    has_heartbeat: whether it can mark its trials while they run.
    """

    def __init__(self, study: optuna.Study, storage: BaseStorage, url: str, me: str, has_heartbeat: bool) -> None:
        super().__init__(study)
        self.storage, self.url, self.me, self.has_heartbeat = storage, url, me, has_heartbeat
        self._last_heartbeat = self._last_refresh = 0.0
        self._claims: dict[int, str] = {}
        self._watched: dict[int, float] | None = None

    @contextmanager
    def lock(self) -> Iterator[None]:
        with database_lock(self.url, self.study.study_name):
            yield

    def count_trials(self, num_trials: int, num_waiting: int) -> tuple[int, int]:  # noqa: ARG002  others change them
        trials = self.study.get_trials(deepcopy=False)
        return len(trials), sum(one.state is TrialState.WAITING for one in trials)

    def claim(self, trial: Trial) -> None:
        self._claims[trial.number] = uuid.uuid4().hex
        trial.set_user_attr("claim", self._claims[trial.number])
        trial.set_user_attr("controller", self.me)
        trial.set_user_attr("seen", time.time() if self.has_heartbeat else None)

    def heartbeat(self, trials: Sequence[Trial]) -> list[int]:
        since = time.time() - self._last_heartbeat  # also while the machine slept, which time.monotonic leaves out
        if not self.has_heartbeat or 0 <= since <= HEARTBEAT_S:
            return []
        self._last_heartbeat, lost = time.time(), []
        for trial in trials:
            if self.study.get_trials(deepcopy=False)[trial.number].user_attrs["claim"] == self._claims[trial.number]:
                trial.set_user_attr("seen", time.time())
            else:
                lost.append(trial.number)
        return lost

    def refresh(self, state: IncrementalState, own: Collection[int]) -> None:
        if time.monotonic() - self._last_refresh < REFRESH_S:
            return
        self._last_refresh = time.monotonic()
        for one in self.study.get_trials(deepcopy=False):
            if one.number in own or one.number in state.finished:
                continue
            known = len(state.histories.get(one.number, []))
            for _, value in sorted(one.intermediate_values.items())[known:]:
                state.report(one.number, value)
            if one.state.is_finished():
                state.finish(one.number)

    def join(self, fingerprint: str) -> None:
        known = self.study.user_attrs.get("fingerprint")
        if known not in (None, fingerprint):
            problem = "differs from that of the study of this name in the database"
            raise RequestError(Mistake("sweep.search_space", problem, "sweep.study=ANOTHER, or the space as it was"))
        self.study.set_user_attr("fingerprint", fingerprint)

    def release(self, number: int) -> None:
        self.storage.set_trial_user_attr(trial_id(self.storage, self.study.study_name, number), "claim", None)

    def watch(self) -> None:
        self._watched = self._silent()
        if self._watched:
            numbers = listed([str(number) for number in self._watched])
            log.info("the controller of trials %s is silent: watching for %.0f s whether they go on", numbers, WATCH_S)
            time.sleep(WATCH_S)

    def abandoned(self) -> list[int]:
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        silent = self._silent()
        if self._watched is not None:
            silent = {number: mark for number, mark in silent.items() if self._watched.get(number) == mark}
        ours = {one.number for one in running if one.user_attrs.get("controller") in (None, self.me)}
        return sorted(ours | silent.keys())

    def _silent(self) -> dict[int, float]:
        """The last marks of others' running trials whose controllers seem to be gone, by this machine's clock."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        marks = {one.number: one.user_attrs["seen"] for one in running if one.user_attrs.get("controller") != self.me
                 and one.user_attrs.get("seen") is not None}  # fmt: skip
        return {number: mark for number, mark in marks.items() if time.time() - mark > SILENT_S}

    def has_unfinished_trials(self) -> bool:
        return any(not one.state.is_finished() for one in self.study.get_trials(deepcopy=False))
