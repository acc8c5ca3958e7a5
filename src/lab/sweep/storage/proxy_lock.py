"""A lock through Optuna's storage interface alone: a study of a certain name, which only one client can create.

A killed owner leaves it behind, so a lock that a client has seen unchanged for `STALE_S` is removed. It is held for
milliseconds: an owner that was stopped for longer than that may start one trial too many, and nothing else goes wrong.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

STALE_S = 60.0
PAUSE_S = 0.1
"""Mean seconds between attempts."""


@contextmanager
def proxy_lock(storage: BaseStorage, study: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Lock the study inside the block. waiting: called often while another client has the lock."""
    own = _acquired(storage, f"lock of {study}", waiting)
    try:
        yield
    finally:
        with suppress(KeyError):  # it was removed, because this process was stopped for too long
            storage.delete_study(own)


def _acquired(storage: BaseStorage, name: str, waiting: Callable[[], object]) -> int:
    """Wait for the lock; return its id."""
    watched: tuple[int, object] | None = None
    since = 0.0
    while True:
        with suppress(DuplicatedStudyError):
            own = storage.create_new_study([StudyDirection.MAXIMIZE], name)
            storage.set_study_user_attr(own, "owner", uuid.uuid4().hex)
            return own
        with suppress(KeyError):  # its owner has just freed it
            taken = storage.get_study_id_from_name(name)
            mark = taken, storage.get_study_user_attrs(taken).get("owner")
            if mark != watched:
                watched, since = mark, time.monotonic()
            elif time.monotonic() - since > STALE_S:
                storage.delete_study(taken)
                continue
        waiting()
        time.sleep(random.uniform(0, 2 * PAUSE_S))
