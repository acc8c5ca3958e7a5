"""The lock of a storage that several controllers share: one of them creates its tables or starts a trial at a time.

PostgreSQL has advisory locks, which end with the connection; for SQLite it is `flock` on a file beside the database.
Both are freed when their process is killed. A gRPC proxy has neither: see `proxy_lock`.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from optuna.storages import BaseStorage

from lab.core.locks import exclusive
from lab.sweep.storage.addresses import engine_settings, proxy_address
from lab.sweep.storage.proxy_lock import proxy_lock

LOOK_S = 20.0
"""Seconds that an attempt to lock waits before what else is due is done."""
NOT_AVAILABLE = "55P03"
"""PostgreSQL's code of an attempt that has waited for `lock_timeout`."""


def tables_lock(url: str) -> AbstractContextManager[object]:
    """Return the lock of a whole database, whose tables may not exist yet; a proxy's server has created them."""
    return nullcontext() if proxy_address(url) is not None else _database_lock(url, "")


def shared_lock(
    url: str, study: str, storage: BaseStorage, waiting: Callable[[], object] = lambda: None
) -> AbstractContextManager[object]:
    """Return the lock of a study in the storage at `url`.

    waiting: called at least every `LOOK_S` while another controller has the lock; SQLite, whose commands are on one
    machine, calls it once.
    """
    if proxy_address(url) is not None:
        return proxy_lock(storage, study, waiting)
    return _database_lock(url, study, waiting)


def _database_lock(
    url: str, study: str, waiting: Callable[[], object] = lambda: None
) -> AbstractContextManager[object]:
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return exclusive(Path(f"{parsed.database}.lock"), waiting=waiting)
    return _advisory(url, zlib.crc32(study.encode()), waiting)


@contextmanager
def _advisory(url: str, key: int, waiting: Callable[[], object]) -> Iterator[None]:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import OperationalError

    engine = create_engine(url, **engine_settings(url))
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {round(1000 * LOOK_S)}"))
            connection.commit()  # a failed attempt would undo the setting
            while True:
                try:
                    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
                    break
                except OperationalError as error:
                    if NOT_AVAILABLE not in (getattr(error.orig, name, None) for name in ("sqlstate", "pgcode")):
                        raise
                    connection.rollback()
                    waiting()
            yield
    finally:
        engine.dispose()  # closes the connection, which frees the lock
