"""The lock of a storage that several controllers share: one of them creates its tables or starts a trial at a time.

PostgreSQL has advisory locks, which end with the connection; for SQLite it is `flock` on a file beside the database.
Both are freed when their process is killed. A gRPC proxy has neither: see `proxy_lock`.
"""

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from optuna.storages import BaseStorage

from lab.core.locks import exclusive
from lab.sweep.storage.addresses import engine_settings, proxy_address
from lab.sweep.storage.proxy_lock import proxy_lock


def tables_lock(url: str) -> AbstractContextManager[object]:
    """Return the lock of a whole database, whose tables may not exist yet; a proxy's server has created them."""
    return nullcontext() if proxy_address(url) is not None else _database_lock(url, "")


def shared_lock(url: str, study: str, storage: BaseStorage) -> AbstractContextManager[object]:
    """Return the lock of a study in the storage at `url`."""
    return proxy_lock(storage, study) if proxy_address(url) is not None else _database_lock(url, study)


def _database_lock(url: str, study: str) -> AbstractContextManager[object]:
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return exclusive(Path(f"{parsed.database}.lock"), waiting=lambda: None)
    return _advisory(url, zlib.crc32(study.encode()))


@contextmanager
def _advisory(url: str, key: int) -> Iterator[None]:
    from sqlalchemy import create_engine, text

    engine = create_engine(url, **engine_settings(url))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield
    finally:
        engine.dispose()  # closes the connection, which frees the lock
