"""A study that several controllers share through one database, each on a machine and in a folder of its own.

Controllers start trials one at a time under a lock, so that the total is exact. Each marks its running trials with the
time. Trials of a controller that has been silent for `SILENT_S` are run again by the next one, once it has seen for
`WATCH_S` that the marks do not change: a clock that was set forward takes no trials away. A controller that wakes after
that (a laptop that slept) gives them up. Controllers are known by an id in their study's folder, because machines may
have the same name. Policies compare with the other controllers' reports, at most `REFRESH_S` old.
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
    """The only controller of a study: the study's folder is locked, so counts stay true."""

    id: str | None = None

    def __init__(self, study: optuna.Study) -> None:
        self.study = study

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Inside the block no other controller starts a trial."""
        yield

    def count_trials(self, num_trials: int, num_waiting: int) -> tuple[int, int]:
        """Return the number of trials and of waiting ones; the arguments are the numbers known so far."""
        return num_trials, num_waiting

    def claim(self, trial: Trial) -> None:
        """Mark a trial as this controller's."""

    def heartbeat(self, trials: Sequence[Trial]) -> list[int]:  # noqa: ARG002  SharedController needs them
        """Mark running trials with the time, every `HEARTBEAT_S`; return those that other controllers have taken over.

        To be called often.
        """
        return []

    def refresh(self, state: IncrementalState, own: Collection[int]) -> None:
        """Add the reports of other controllers' trials; own: numbers of the trials that run here."""

    def join(self, fingerprint: str) -> None:
        """Raises RequestError where other controllers began the study with another search space."""

    def watch(self) -> None:
        """Before `abandoned`: watch whether the trials of silent controllers are still marked."""

    def release(self, number: int) -> None:
        """Remove the claim on an abandoned trial."""

    def abandoned(self) -> list[int]:
        """Return the numbers of trials in state RUNNING that no controller runs."""
        return [trial.number for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]

    def has_unfinished_trials(self) -> bool:
        """Whether other controllers still run trials or will."""
        return False


class SharedController(SoleController):
    """One of several controllers.

    url: of the database that all share; own_id: kept in this controller's folder; has_heartbeat: whether it can mark
    its trials while they run.
    """

    def __init__(self, study: optuna.Study, storage: BaseStorage, url: str, own_id: str, has_heartbeat: bool) -> None:
        super().__init__(study)
        self.storage, self.url, self.id, self.has_heartbeat = storage, url, own_id, has_heartbeat
        self._last_heartbeat = self._last_refresh = 0.0
        self._claims: dict[int, str] = {}
        self._watched: dict[int, float] | None = None

    @contextmanager
    def lock(self) -> Iterator[None]:
        with database_lock(self.url, self.study.study_name):
            yield

    def count_trials(self, num_trials: int, num_waiting: int) -> tuple[int, int]:  # noqa: ARG002  others change them
        trials = self.study.get_trials(deepcopy=False)
        return len(trials), sum(trial.state is TrialState.WAITING for trial in trials)

    def claim(self, trial: Trial) -> None:
        self._claims[trial.number] = uuid.uuid4().hex
        trial.set_user_attr("claim", self._claims[trial.number])
        trial.set_user_attr("controller", self.id)
        trial.set_user_attr("seen", time.time() if self.has_heartbeat else None)

    def heartbeat(self, trials: Sequence[Trial]) -> list[int]:
        since = time.time() - self._last_heartbeat  # includes the time a machine slept, unlike time.monotonic
        if not self.has_heartbeat or 0 <= since <= HEARTBEAT_S:
            return []
        self._last_heartbeat, taken_over = time.time(), []
        for trial in trials:
            if self.study.get_trials(deepcopy=False)[trial.number].user_attrs["claim"] == self._claims[trial.number]:
                trial.set_user_attr("seen", time.time())
            else:
                taken_over.append(trial.number)
        return taken_over

    def refresh(self, state: IncrementalState, own: Collection[int]) -> None:
        if time.monotonic() - self._last_refresh < REFRESH_S:
            return
        self._last_refresh = time.monotonic()
        for trial in self.study.get_trials(deepcopy=False):
            if trial.number in own or trial.number in state.finished:
                continue
            known = len(state.histories.get(trial.number, []))
            for _, value in sorted(trial.intermediate_values.items())[known:]:
                state.report(trial.number, value)
            if trial.state.is_finished():
                state.finish(trial.number)

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
            log.info("the controller of trials %s is silent: watching it for %.0f s", numbers, WATCH_S)
            time.sleep(WATCH_S)

    def abandoned(self) -> list[int]:
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        silent = self._silent()
        if self._watched is not None:
            silent = {number: mark for number, mark in silent.items() if self._watched.get(number) == mark}
        ours = {trial.number for trial in running if trial.user_attrs.get("controller") in (None, self.id)}
        return sorted(ours | silent.keys())

    def _silent(self) -> dict[int, float]:
        """The last marks of running trials whose controllers seem to have ended, by this machine's clock."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        marks = {
            trial.number: trial.user_attrs["seen"]
            for trial in running
            if trial.user_attrs.get("controller") != self.id and trial.user_attrs.get("seen") is not None
        }
        return {number: mark for number, mark in marks.items() if time.time() - mark > SILENT_S}

    def has_unfinished_trials(self) -> bool:
        return any(not trial.state.is_finished() for trial in self.study.get_trials(deepcopy=False))
