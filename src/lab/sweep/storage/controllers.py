"""What the loop of a study asks of the controllers that share it, and the answers of the only controller of a study."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState

from lab.early_termination.incremental import IncrementalState
from lab.sweep.storage.optuna_storage import requeue


class SoleController:
    """The only controller of a study: the study's folder is locked, so counts stay true."""

    id: str | None = None

    def __init__(self, study: optuna.Study, storage: BaseStorage) -> None:
        self.study, self.storage = study, storage

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Inside the block no other controller starts a trial."""
        yield

    def count_trials(self, num_trials: int, num_waiting: int) -> tuple[int, int]:
        """Return the number of trials and of waiting ones; the arguments are the numbers known so far."""
        return num_trials, num_waiting

    def may_create(self, total: int) -> bool:  # noqa: ARG002  SharedController needs it
        """Whether there are surely fewer than `total` trials, so that `count_trials` is not needed."""
        return False

    def was_waiting(self, trial: Trial, num_trials: int) -> bool:
        """Whether a trial that was just requested comes from the queue. num_trials: known before."""
        return trial.number < num_trials

    def claim(self, trial: Trial) -> None:
        """Mark a trial as this controller's."""

    def heartbeat(self, trials: Sequence[Trial]) -> list[int]:  # noqa: ARG002  SharedController needs them
        """Mark running trials with the time, every `HEARTBEAT_S`; return those that other controllers have taken over.

        To be called often.
        """
        return []

    @contextmanager
    def marking(self, trials: Sequence[Trial]) -> Iterator[None]:  # noqa: ARG002  SharedController needs them
        """Inside the block the running trials are marked with the time, although the controller's loop waits there."""
        yield

    def refresh(self, state: IncrementalState, own: Collection[int]) -> None:
        """Add the reports of other controllers' trials; own: numbers of the trials that run here."""

    def join(self, fingerprint: str) -> None:
        """Raises RequestError where other controllers began the study with another search space."""

    def take_over(self) -> list[int]:
        """Return the trials of silent controllers to the queue, and their numbers. To be called often."""
        return []

    def requeue_own(self) -> list[int]:
        """Return the trials that an earlier command left in state RUNNING to the queue, and their numbers.

        To be called inside `lock`, before this command starts a trial.
        """
        numbers = [trial.number for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]
        for number in numbers:
            requeue(self.storage, self.study.study_name, number)
        return numbers

    def num_awaited(self) -> int:
        """Return the number of trials that other controllers run, and that return to the queue if these end."""
        return 0

    def has_unfinished_trials(self) -> bool:
        """Whether other controllers still run trials or will."""
        return False

    def may_confirm(self, is_new_command: bool) -> bool:  # noqa: ARG002  SharedController needs it
        """Whether this controller confirms the best trials; only one of several does.

        is_new_command: whether all trials had ended before this command began, so that it resumes a confirmation.
        """
        return True
