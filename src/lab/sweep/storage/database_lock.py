"""The lock of a database that several controllers share: one of them creates its tables or starts a trial at a time.

PostgreSQL has advisory locks, which end with the connection; for SQLite it is `flock` on a file beside the database.
Both are freed when their process is killed.
"""

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lab.cli.optional_packages import not_installed
from lab.core.errors import Mistake, RequestError
from lab.core.locks import exclusive

KEY = "sweep.storage"
REMEDY = f"{KEY}=sqlite:///FILE.db, or {KEY}=postgresql://USER@HOST/DATABASE"


def refuse_unusable(url: str | None) -> None:
    """Raises RequestError for a storage that is no URL, or whose driver is not installed. It does not connect."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if url is None:
        return
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        problem = "is no URL of a database"
        raise RequestError(Mistake(KEY, problem, REMEDY)) from None  # the URL may contain a password
    shown = parsed.render_as_string()
    try:
        parsed.get_dialect().import_dbapi()
    except NoSuchModuleError:
        raise RequestError(Mistake(KEY, f"SQLAlchemy knows no {parsed.drivername}", REMEDY, shown)) from None
    except ImportError as error:
        name = error.name or parsed.get_driver_name()
        problem = f"needs the driver {name}, which is not installed"
        raise RequestError(not_installed(KEY, name, f"{KEY}=sqlite:///FILE.db", shown, problem)) from None


def refuse_unlockable(url: str) -> None:
    """Raises RequestError for a database that controllers cannot lock."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql" and not (parsed.get_backend_name() == "sqlite" and parsed.database):
        problem = "is no database that controllers can lock"
        raise RequestError(Mistake(KEY, problem, REMEDY, parsed.render_as_string()))


def database_name(url: str) -> str:
    """Return the kind and name of a database, without host and password, so that it may move."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    return f"{parsed.get_backend_name()} {Path(parsed.database or '').name}"


def database_lock(url: str, study: str) -> AbstractContextManager[object]:
    """Return a lock of a study in a database, or of the whole database (study ""), as a context manager."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return exclusive(Path(f"{parsed.database}.lock"), waiting=lambda: None)
    return _advisory(url, zlib.crc32(study.encode()))


@contextmanager
def _advisory(url: str, key: int) -> Iterator[None]:
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield
    finally:
        engine.dispose()  # closes the connection, which frees the lock
