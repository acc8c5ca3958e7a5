"""A study that several controllers share through one database, each on a machine and in a folder of its own.

Controllers start trials one at a time under a lock, so that the total is exact. Each marks its running trials with the
time, also while it waits for the lock. Trials of a controller that is silent for `SILENT_S` return to the queue: any
other controller does this, while it runs or waits for the others. It judges by marks that do not change while it
watches (`silence`), so a clock that was set forward takes no trials away. A controller that wakes after that (a laptop
that slept) gives them up. Controllers are known by an id in their study's folder, because machines may have the same
name. Policies compare with the other controllers' reports, at most `REFRESH_S` old.
"""

import logging
import math
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from lab.core.errors import Mistake, RequestError, listed
from lab.core.hydra_quoting import quoted
from lab.core.machine_faults import MachineError
from lab.early_termination.incremental import IncrementalState
from lab.sweep.storage.controllers import SoleController
from lab.sweep.storage.database_lock import shared_lock
from lab.sweep.storage.faults import storage_faults
from lab.sweep.storage.optuna_storage import requeue, trial_id
from lab.sweep.storage.shared_study import SharedStudy
from lab.sweep.storage.silence import Mark, Watch

log = logging.getLogger(__name__)
HEARTBEAT_S, SILENT_S, REFRESH_S = 15.0, 120.0, 1.0
WATCH_S = 2 * HEARTBEAT_S + 5.0


class SharedController(SoleController):
    """One of several controllers.

    url: of the database that all share; own_id: kept in this controller's folder; waits_long: whether its loop waits
    for whole batches of trials, as with Hydra's launchers, so that a thread has to mark them.
    """

    def __init__(self, study: optuna.Study, storage: BaseStorage, url: str, own_id: str, waits_long: bool) -> None:
        super().__init__(study, storage)
        self.url, self.id, self.waits_long = url, own_id, waits_long
        self._last_heartbeat = self._last_refresh = 0.0
        self._last_look = -math.inf
        self._claims: dict[int, str] = {}
        self._taken_over: set[int] = set()
        self._trials: list[Trial] = []
        self._watch = Watch()

    @contextmanager
    def lock(self) -> Iterator[None]:
        with shared_lock(self.url, self.study.study_name, self.storage, self._mark_if_due):
            yield

    def count_trials(self, num_trials: int, num_waiting: int) -> tuple[int, int]:  # noqa: ARG002  others change them
        trials = self._read()
        return len(trials), sum(trial.state is TrialState.WAITING for trial in trials)

    def may_create(self, total: int) -> bool:
        """Ask for the last trial of the study: one call, where a reading costs one for each trial that runs."""
        try:
            self.storage.get_trial_id_from_study_id_trial_number(self.study._study_id, total - 1)
        except KeyError:
            return True
        return False

    def was_waiting(self, trial: Trial, num_trials: int) -> bool:  # noqa: ARG002  others change it
        return "claim" in trial.user_attrs

    def claim(self, trial: Trial) -> None:
        self._claims[trial.number] = uuid.uuid4().hex
        trial.set_user_attr("claim", self._claims[trial.number])
        trial.set_user_attr("controller", self.id)
        trial.set_user_attr("seen", time.time())
        self._trials.append(trial)
        self._taken_over.discard(trial.number)

    def heartbeat(self, trials: Sequence[Trial]) -> list[int]:
        self._trials = list(trials)
        self._mark_if_due()
        taken_over, self._taken_over = self._taken_over, set()
        return sorted(taken_over & {trial.number for trial in trials})

    @contextmanager
    def marking(self, trials: Sequence[Trial]) -> Iterator[None]:
        if not self.waits_long:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._mark_until, args=(ended, trials), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _mark_until(self, ended: threading.Event, trials: Sequence[Trial]) -> None:
        """Mark the trials every `HEARTBEAT_S`. A storage that is away for a moment is tried again at the next mark; the
        loop's own calls end the command if it stays away."""
        while not ended.wait(HEARTBEAT_S):
            try:
                with storage_faults():
                    self._mark(trials)
            except MachineError as error:
                log.warning("the running trials could not be marked: %s", error)

    def _mark_if_due(self) -> None:
        since = time.time() - self._last_heartbeat  # includes the time a machine slept, unlike time.monotonic
        if not 0 <= since <= HEARTBEAT_S:
            self._mark(self._trials)

    def _mark(self, trials: Sequence[Trial]) -> None:
        """Mark running trials with the time; remember those that other controllers have taken over."""
        self._last_heartbeat = time.time()
        stored = self._read() if trials else []  # one reading, however many run
        for trial in trials:
            now = stored[trial.number]
            if now.user_attrs["claim"] != self._claims[trial.number]:
                self._taken_over.add(trial.number)
            elif now.state is TrialState.RUNNING:  # others have ended since the loop named its trials
                trial.set_user_attr("seen", time.time())

    def refresh(self, state: IncrementalState, own: Collection[int]) -> None:
        if time.monotonic() - self._last_refresh < REFRESH_S:
            return
        self._last_refresh = time.monotonic()
        for trial in self._read():
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
            raise RequestError(
                Mistake(
                    "sweep.search_space",
                    problem,
                    f"{quoted('sweep.study', f'{self.study.study_name}_2')}, or the space as it was",
                )
            )
        self.study.set_user_attr("fingerprint", fingerprint)

    def take_over(self) -> list[int]:
        if time.monotonic() - self._last_look < HEARTBEAT_S:
            return []
        self._last_look = time.monotonic()
        if not self._watch.silent(self._marks(), time.time(), time.monotonic(), SILENT_S, WATCH_S):
            return []
        with self.lock():  # another controller may have been faster, or the silent one has woken
            numbers = self._watch.silent(self._marks(), time.time(), time.monotonic(), SILENT_S, WATCH_S)
            for number in numbers:
                self._requeue(number)
        if numbers:
            log.info("the controller of trials %s is silent: they are run again", listed([str(n) for n in numbers]))
        return numbers

    def requeue_own(self) -> list[int]:
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        numbers = [trial.number for trial in running if trial.user_attrs.get("controller") in (None, self.id)]
        for number in numbers:
            self._requeue(number)
        return numbers

    def num_awaited(self) -> int:
        trials = self._read()
        return sum(trial.state is TrialState.WAITING for trial in trials) + len(self._marks(trials))

    def has_unfinished_trials(self) -> bool:
        return any(not trial.state.is_finished() for trial in self.study.get_trials(deepcopy=False))

    def may_confirm(self, is_new_command: bool) -> bool:
        with self.lock():
            first = self.study.user_attrs.get("confirmed_by", self.id)
            if first != self.id and not is_new_command:
                return False
            self.study.set_user_attr("confirmed_by", self.id)
        return True

    def _read(self) -> list[FrozenTrial]:
        """Read the study, and note whether trials wait in its queue."""
        trials = self.study.get_trials(deepcopy=False)
        if isinstance(self.study, SharedStudy):
            self.study.has_waiting = any(trial.state is TrialState.WAITING for trial in trials)
        return trials

    def _requeue(self, number: int) -> None:
        """Return a trial to the queue without its claim and its attempt: a process that still runs it gives it up."""
        own = trial_id(self.storage, self.study.study_name, number)
        for name in {"claim", "attempt"} & self.storage.get_trial(own).user_attrs.keys():
            self.storage.set_trial_user_attr(own, name, None)
        requeue(self.storage, self.study.study_name, number)

    def _marks(self, trials: Sequence[FrozenTrial] | None = None) -> dict[int, Mark]:
        """Return the claim and the time of the last mark of running trials of other controllers.

        Those without a claim have (None, None). Trials of a launcher's controller of an older version, which did not
        mark them, are left out.
        """
        return {
            trial.number: (trial.user_attrs.get("claim"), trial.user_attrs.get("seen"))
            for trial in trials or self._read()
            if trial.state is TrialState.RUNNING
            and trial.user_attrs.get("controller") != self.id
            and ("seen" not in trial.user_attrs or trial.user_attrs["seen"] is not None)
        }
