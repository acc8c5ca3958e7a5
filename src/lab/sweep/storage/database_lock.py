"""Turns at a database that several controllers share: to make its tables, to start a trial.

PostgreSQL has a lock for it that goes with its holder's connection; for SQLite it is `flock` on a file beside the
database. Both are freed when their process is killed.
"""

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lab.core.errors import Mistake, RequestError
from lab.core.locks import exclusive

KEY = "sweep.storage"
REMEDY = f"{KEY}=sqlite:///FILE.db, or {KEY}=postgresql://USER@HOST/DATABASE"


def refuse_unusable(url: str | None) -> None:
    """Raises RequestError for a storage that is no URL, or whose driver is not installed; nothing is connected to."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if url is None:
        return
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        problem = "is no URL of a database"
        raise RequestError(Mistake(KEY, problem, REMEDY)) from None  # it may hold a password
    shown = place.render_as_string()
    try:
        place.get_dialect().import_dbapi()
    except NoSuchModuleError:
        raise RequestError(Mistake(KEY, f"SQLAlchemy knows no {place.drivername}", REMEDY, shown)) from None
    except ImportError as error:
        name = error.name or place.get_driver_name()
        problem = f"needs the driver {name}, which is not installed"
        raise RequestError(Mistake(KEY, problem, f"pip install {name}, or {KEY}=sqlite:///FILE.db", shown)) from None


def refuse_unlockable(url: str) -> None:
    """Raises RequestError for a database that controllers cannot take turns on."""
    from sqlalchemy.engine import make_url

    place = make_url(url)
    if place.get_backend_name() != "postgresql" and not (place.get_backend_name() == "sqlite" and place.database):
        problem = "is no database that controllers can take turns on"
        raise RequestError(Mistake(KEY, problem, REMEDY, place.render_as_string()))


def told_apart(url: str) -> str:
    """What tells a database from others, wherever it has moved to: its kind and name, neither host nor password."""
    from sqlalchemy.engine import make_url

    place = make_url(url)
    return f"{place.get_backend_name()} {Path(place.database or '').name}"


def database_lock(url: str, study: str) -> AbstractContextManager[object]:
    """One holder at a time is in, of all that name the same study ("": none) of the same database."""
    from sqlalchemy.engine import make_url

    place = make_url(url)
    if place.get_backend_name() == "sqlite":
        return exclusive(Path(f"{place.database}.lock"), waiting=lambda: None)
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
        engine.dispose()  # the lock goes with the connection
