"""Databases that controllers can lock; the others are refused with what to type, and never with a password."""

from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.sweep.storage.database_lock import database_lock, database_name, refuse_unlockable, refuse_unusable


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


def test_the_lock_of_a_file_is_beside_it(tmp_path: Path) -> None:
    with database_lock(f"sqlite:///{tmp_path}/study.db", "toy"):
        assert [path.name for path in tmp_path.iterdir()] == ["study.db.lock"]
