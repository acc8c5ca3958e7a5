"""Optuna's storage of a study: a journal file under a kernel lock, a database, or a gRPC proxy by its URL.

Optuna's own lock file outlives a `kill -9` and stops the next writer for 30 s; the kernel frees `flock`. A kill may
leave a half-written last line, which the next reader could not parse, so the file is truncated to its last newline
before it is opened.
"""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from lab.core.errors import Mistake, RequestError
from lab.core.hydra_quoting import quoted
from lab.core.locks import Lock, Taken, sole, warn
from lab.sweep.storage.addresses import engine_settings, open_proxy, proxy_address

PATIENCE_S = 5.0
"""Seconds that the trials of a killed controller may take to end."""
FLUSHED = (6, 7)
"""Optuna's codes of journal lines with a trial's state or a report."""


class FlockLock(JournalFileOpenLock):
    """Optuna's lock, by `flock` on a file beside the journal."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._lock = Lock(path)

    def acquire(self) -> bool:
        try:
            return self._lock.acquire(blocking=True)
        except OSError as error:
            warn(self._lock.path, error)
            return True

    def release(self) -> None:
        self._lock.release()


class Journal(JournalFileBackend):
    """Optuna's journal, flushed to the disk with each report and each state, together with all earlier lines.

    A kill loses nothing in any case. A power failure loses at most a sample, which is drawn again with the same values.
    """

    def __init__(self, path: Path, lock: FlockLock) -> None:
        super().__init__(str(path), lock)
        self.path, self.lock = path, lock

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append the logs as lines, under the lock; the log types in `FLUSHED` are on the disk on return."""
        self.lock.acquire()
        try:
            with self.path.open("ab", buffering=0) as file, _truncate_on_error(file):
                rest = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
                while rest:
                    rest = rest[file.write(rest) :]
                if any(log["op_code"] in FLUSHED for log in logs):
                    os.fsync(file.fileno())
        finally:
            self.lock.release()


@contextmanager
def _truncate_on_error(file: Any) -> Iterator[None]:
    """Remove what a failed write left, as on a full disk: the next line would be appended to it."""
    size = os.fstat(file.fileno()).st_size
    try:
        yield
    except BaseException:
        os.ftruncate(file.fileno(), size)
        raise


def open_storage(url: str | None, journal: Path) -> BaseStorage:
    """Return the storage at `url`: a gRPC proxy or a database; else the journal, without an incomplete last line."""
    if url is not None and (address := proxy_address(url)) is not None:
        return open_proxy(*address)
    if url is not None:
        return RDBStorage(url, engine_kwargs=engine_settings(url))
    lock = FlockLock(journal.with_name(f".{journal.name}.lock"))
    repair(journal, lock)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return JournalStorage(Journal(journal, lock))


def repair(journal: Path, lock: FlockLock) -> int:
    """Remove an incomplete last line; return the number of bytes removed."""
    if not journal.exists():
        return 0
    lock.acquire()
    try:
        with journal.open("r+b") as file:
            text = file.read()
            end = text.rfind(b"\n") + 1
            file.truncate(end)
        return len(text) - end
    finally:
        lock.release()


def trial_id(storage: BaseStorage, study: str, number: int) -> int:
    """Return the storage's id of a trial of a study."""
    return storage.get_trial_id_from_study_id_trial_number(storage.get_study_id_from_name(study), number)


def requeue(storage: BaseStorage, study: str, number: int) -> None:
    """Return an interrupted trial to the queue with its parameters and reports: the next `ask` returns it."""
    storage.set_trial_state_values(trial_id(storage, study, number), TrialState.WAITING)


@contextmanager
def study_lock(lock: Path, study: str) -> Iterator[None]:
    """Lock the study inside the block. Raises RequestError while another controller or its trials have the lock."""
    try:
        with sole(lock, patience_s=PATIENCE_S, inherited=True):
            yield
    except Taken as error:
        problem = f"this study is already running, by {error}"
        raise RequestError(
            Mistake("sweep.study", problem, f"wait for its end, or {quoted('sweep.study', f'{study}_2')}", study)
        ) from error
