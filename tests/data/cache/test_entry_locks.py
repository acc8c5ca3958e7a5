"""Locks of this process on cache entries: kept until they are unlocked, seen by whoever wants to remove an entry."""

from pathlib import Path

from lab.data.cache.entry_locks import lock_entry, unlock_all, unlock_entry, unlocking_after, unused


def entry(path: Path) -> Path:
    folder = path / "entry"
    folder.mkdir()
    return folder


def test_an_entry_is_in_use_until_it_is_unlocked(tmp_path: Path) -> None:
    folder = entry(tmp_path)
    assert lock_entry(folder)
    assert lock_entry(folder), "a second time is fine"
    with unused(folder) as free:
        assert free is False
    unlock_entry(folder)
    with unused(folder) as free:
        assert free is True


def test_an_entry_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    assert not lock_entry(tmp_path / "none")
    with unused(tmp_path / "none") as free:
        assert free is None


def test_a_block_leaves_no_lock_also_after_an_exception(tmp_path: Path) -> None:
    folder = entry(tmp_path)
    try:
        with unlocking_after():
            assert lock_entry(folder)
            raise KeyError
    except KeyError:
        pass
    with unused(folder) as free:
        assert free is True
    unlock_all()
