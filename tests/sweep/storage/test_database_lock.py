"""Locks of storages: a file beside SQLite's, an advisory lock of PostgreSQL, a study of a proxy."""

import threading
from pathlib import Path

import optuna
import pytest

from benchmarks.harness.postgres_server import PostgresServer
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
def test_postgresql_locks(postgres: PostgresServer) -> None:
    assert in_order(postgres.url, optuna.storages.InMemoryStorage()) == ["first", "second"]
