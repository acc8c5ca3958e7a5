"""Storages that controllers can share; the others are refused with what to type, and never with a password."""

import sys

import pytest

from benchmarks.harness.postgres_server import PostgresServer, free_port
from lab.core.errors import RequestError
from lab.sweep.storage.addresses import (
    database_name,
    proxy_address,
    refuse_unlockable,
    refuse_unreachable,
    refuse_unusable,
)


@pytest.fixture
def closed_port() -> int:
    """A port of loopback at which nothing listens."""
    return free_port()


@pytest.mark.parametrize(
    ("url", "words"),
    [("no url", "is no URL of a database"), ("postgresql://user:secret@h:port/db", "is no URL"),
     ("oddsql://user:secret@h/db", "SQLAlchemy knows no oddsql")],
)  # fmt: skip
def test_a_storage_that_cannot_be_used_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        refuse_unusable(url)
    assert "secret" not in str(caught.value)
    assert caught.value.mistakes[0].remedy.startswith("sweep.storage=sqlite:///")


def test_sqlite_and_no_storage_are_fine() -> None:
    refuse_unusable(None)
    refuse_unusable("sqlite:///study.db")
    refuse_unlockable("sqlite:///study.db")


@pytest.mark.parametrize("url", ["sqlite://", "mysql://user@h/db"])
def test_what_has_no_lock_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="no database that controllers can lock"):
        refuse_unlockable(url)


def test_a_database_has_a_name_without_its_place() -> None:
    assert database_name("sqlite:////a/b/study.db") == database_name("sqlite:///study.db") == "sqlite study.db"
    assert database_name("grpc://here:1") == database_name("grpc://there:2")


def test_a_proxy_needs_its_packages_and_has_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_unusable("grpc://head:13000")
    refuse_unlockable("grpc://head:13000")
    assert proxy_address("grpc://[::1]:13000") == ("::1", 13000)
    assert proxy_address("sqlite:///study.db") is None
    monkeypatch.setattr("lab.sweep.storage.addresses.is_installed", lambda name: name != "grpc")
    with pytest.raises(RequestError, match=r"pip install 'grpcio>="):
        refuse_unusable("grpc://head:13000")


def test_a_missing_driver_of_postgresql_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RequestError, match=r"pip install 'psycopg\[binary\]>=") as refused:
        refuse_unusable("postgresql://user:secret@host/db")
    assert "secret" not in str(refused.value)


def test_a_server_that_does_not_answer_is_refused(closed_port: int) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(RequestError, match=r"cannot be opened: .*refused") as refused:
        refuse_unreachable(f"postgresql://user:secret@127.0.0.1:{closed_port}/db")
    assert "secret" not in str(refused.value)
    assert "start its server" in str(refused.value)


def test_a_proxy_that_does_not_answer_is_refused(closed_port: int) -> None:
    with pytest.raises(RequestError, match=f"no gRPC proxy answers at 127.0.0.1:{closed_port}"):
        refuse_unreachable(f"grpc://127.0.0.1:{closed_port}", patience_s=0.3)


def test_a_folder_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RequestError, match="unable to open database file"):
        refuse_unreachable("sqlite:////nowhere/study.db")


@pytest.mark.slow
def test_a_database_that_does_not_exist_is_refused_and_one_that_does_is_not(postgres: PostgresServer) -> None:
    refuse_unreachable(postgres.url)
    with pytest.raises(RequestError, match='database "other" does not exist'):
        refuse_unreachable(f"{postgres.url.rpartition('/')[0]}/other")
