"""Locks of storages: a file beside SQLite's, an advisory lock of PostgreSQL, a study of a proxy."""

import threading
import time
from pathlib import Path

import optuna
import pytest

from benchmarks.harness.postgres_server import PostgresServer
from lab.sweep.storage import database_lock
from lab.sweep.storage.database_lock import shared_lock, tables_lock


def in_order(url: str, storage: optuna.storages.BaseStorage) -> list[str]:
    """What two threads write, of which the second waits for the lock of the first."""
    order: list[str] = []

    def wait_for_it() -> None:
        with shared_lock(url, "toy", storage):
            order.append("second")

    thread = threading.Thread(target=wait_for_it)
    with shared_lock(url, "toy", storage):
        thread.start()
        thread.join(timeout=0.3)
        order.append("first")
    thread.join(timeout=30)
    return order


def test_the_lock_of_a_file_is_beside_it(tmp_path: Path) -> None:
    with tables_lock(f"sqlite:///{tmp_path}/study.db"):
        assert [path.name for path in tmp_path.iterdir()] == ["study.db.lock"]


def test_a_proxys_lock_goes_through_its_storage() -> None:
    storage = optuna.storages.InMemoryStorage()
    assert in_order("grpc://head:13000", storage) == ["first", "second"]
    assert storage.get_all_studies() == []
    with tables_lock("grpc://head:13000"):
        assert storage.get_all_studies() == []


@pytest.mark.slow
def test_postgresql_locks(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = optuna.storages.InMemoryStorage()
    assert in_order(postgres.url, storage) == ["first", "second"]
    monkeypatch.setattr(database_lock, "LOOK_S", 0.1)
    calls, is_free = list[int](), threading.Event()

    def wait_for_it() -> None:
        with shared_lock(postgres.url, "toy", storage, lambda: calls.append(1)):
            assert is_free.is_set()

    thread = threading.Thread(target=wait_for_it)
    with shared_lock(postgres.url, "toy", storage):
        thread.start()
        until = time.monotonic() + 30
        while len(calls) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        is_free.set()
    thread.join(timeout=30)
    assert len(calls) >= 3, "who waits does what else is due"
    assert not thread.is_alive()
