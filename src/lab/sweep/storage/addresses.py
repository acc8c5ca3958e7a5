"""Addresses of storages that controllers share (`sweep.storage`): a database's URL, or `grpc://HOST:PORT`.

The latter is a server of `optuna.storages.run_grpc_proxy_server` before a database: machines need no driver and no
access to the database, and hundreds of trials need few connections to it.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.cli.optional_packages import is_installed, not_installed
from lab.core.errors import Mistake, RequestError
from lab.core.masking import masked

if TYPE_CHECKING:
    from optuna.storages import GrpcStorageProxy

KEY = "sweep.storage"
REMEDY = f"{KEY}=sqlite:///FILE.db, {KEY}=postgresql://USER@HOST/DATABASE, or {KEY}=grpc://HOST:PORT"
PROXY = "grpc://"
CONNECT_S = 10
"""Seconds to wait for the answer of a server."""


def proxy_address(url: str) -> tuple[str, int] | None:
    """Return host and port of a gRPC proxy; None for any other storage. Raises ValueError for a wrong address.

    >>> proxy_address("grpc://head:13000")
    ('head', 13000)
    """
    if not url.startswith(PROXY):
        return None
    parts = urlsplit(url)
    if not parts.hostname or parts.port is None or parts.username or parts.path.strip("/") or parts.query:
        raise ValueError(f"not of the form {PROXY}HOST:PORT")
    return parts.hostname, parts.port


def refuse_unusable(url: str | None) -> None:
    """Raises RequestError for a storage that is no URL, or whose driver is not installed. It does not connect."""
    if url is None:
        return
    if url.startswith(PROXY):
        _refuse_unusable_proxy(url)
        return
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

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


def _refuse_unusable_proxy(url: str) -> None:
    try:
        proxy_address(url)
    except ValueError as error:
        problem = f"is no address of a gRPC proxy: {error}"
        raise RequestError(Mistake(KEY, problem, f"{KEY}={PROXY}HOST:13000")) from None
    if not is_installed("grpc"):
        raise RequestError(not_installed(KEY, "grpc", value=url))


def refuse_unlockable(url: str) -> None:
    """Raises RequestError for a storage that controllers cannot lock."""
    if proxy_address(url) is not None:
        return
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql" and not (parsed.get_backend_name() == "sqlite" and parsed.database):
        problem = "is no database that controllers can lock"
        raise RequestError(Mistake(KEY, problem, REMEDY, parsed.render_as_string()))


def refuse_unreachable(url: str, patience_s: float = CONNECT_S) -> None:
    """Raises RequestError for a storage that does not answer or that refuses this user.

    patience_s: for a proxy's answer.
    """
    address = proxy_address(url)
    try:
        if address is None:
            _connect(url)
        else:
            _call(*address, patience_s)
    except (OSError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        problem = f"cannot be opened: {masked(first)}"
        remedy = f"start its server or correct {KEY}; without {KEY} the study is kept in its folder"
        raise RequestError(Mistake(KEY, problem, remedy, shown(url))) from None


def open_proxy(host: str, port: int) -> "GrpcStorageProxy":
    """Return the client of a proxy, which connects at its first call."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import GrpcStorageProxy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GrpcStorageProxy(host=host, port=port)


def _connect(url: str) -> None:
    """Open a connection. Raises RuntimeError with the driver's reason."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(url, **engine_settings(url))
    try:
        engine.connect().close()
    except SQLAlchemyError as error:
        raise RuntimeError(str(getattr(error, "orig", None) or error)) from error
    finally:
        engine.dispose()


def _call(host: str, port: int, patience_s: float) -> None:
    """Wait for the proxy's answer. Raises ConnectionError."""
    proxy = open_proxy(host, port)
    try:
        proxy.wait_server_ready(timeout=patience_s)
    except ConnectionError:
        raise ConnectionError(f"no gRPC proxy answers at {host}:{port}") from None
    finally:
        proxy.close()


def engine_settings(url: str) -> dict[str, object]:
    """Return SQLAlchemy's settings for a database: a server that was restarted is connected to again, one that does not
    answer is given up."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql" or not parsed.get_driver_name().startswith("psycopg"):
        return {}
    arguments = {"connect_timeout": CONNECT_S, "keepalives_idle": 30, "tcp_user_timeout": 60_000}
    return {"pool_pre_ping": True, "connect_args": {k: v for k, v in arguments.items() if k not in parsed.query}}


def shown(url: str) -> str:
    """Return a URL without its password."""
    if url.startswith(PROXY):
        return url
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string()


def database_name(url: str) -> str:
    """Return the kind and name of a database, without host and password, so that it may move."""
    if url.startswith(PROXY):
        return "grpc proxy"
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    return f"{parsed.get_backend_name()} {Path(parsed.database or '').name}"
