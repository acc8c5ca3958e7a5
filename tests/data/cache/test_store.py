"""The shared cache under several processes at once."""

import errno
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from lab.core import locks
from lab.data.cache import entry_locks, store
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_files import open_file

WORKER = """
import sys, time
from pathlib import Path
from lab.core import locks
from lab.data.cache import entry_locks, store

root, go = Path(sys.argv[1]), Path(sys.argv[2])
store.JUST_USED_S = float(sys.argv[3])

def fill(aside):
    for number in range(3):
        (aside / f"{number}.bin").write_bytes(b"x" * 1000)

print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
for turn in range(150):
    entry_locks.unlock_all()
    store.make_entry(root / "tokens" / str(turn % 10), fill)
    store.prune(root, 2000 / 2**30)
"""


def entry(folder: Path, num_bytes: int, age_s: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "values.bin").write_bytes(b"x" * num_bytes)
    (folder / entry_locks.NAME).touch()  # as whatever was used has
    aged(folder, age_s)
    return folder


def aged(folder: Path, age_s: float) -> None:
    then = time.time() - age_s
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))


def names(root: Path) -> set[str]:
    return {entry.name for part in store.PARTS for entry in (root / part).glob("*")}


def test_least_recently_used_entries_make_room_in_tokens_and_files_alike(tmp_path: Path) -> None:
    entry(tmp_path / "tokens" / "new", 500_000, 7200)
    entry(tmp_path / "files" / "old", 500_000, 9000)
    entry(tmp_path / "tokens" / "older", 500_000, 9900)
    assert store.prune(tmp_path, 600_000 / 2**30) == 2
    assert names(tmp_path) == {"new"}
    assert store.prune(tmp_path / "nothing here", 1) == 0


def test_what_is_in_use_or_being_written_stays_and_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    entry(tmp_path / "tokens" / "used", 1000, 30)
    entry(tmp_path / "tokens" / ".written.part", 1000, 7200)
    entry(tmp_path / "tokens" / ".left.part", 1000, 2 * 86400)
    long_run = entry(tmp_path / "tokens" / "old but marked", 1000, 9000)
    assert store.mark_used(long_run)
    assert store.prune(tmp_path, 0) == 0
    assert names(tmp_path) == {"used", ".written.part", "old but marked"}


def test_the_limit_binds_within_the_hour_but_for_what_another_process_holds(tmp_path: Path) -> None:
    """Trials that each write a key of their own would else fill the disk long before the hour is over."""
    held = entry(tmp_path / "states" / "held", 1000, 600)
    for number in range(5):
        entry(tmp_path / "states" / f"of trial {number}", 1000, 500 - number)
    reader = (
        "import sys; from pathlib import Path; from lab.data.cache import entry_locks; "
        "print(entry_locks.lock_entry(Path(sys.argv[1])), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", reader, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert store.prune(tmp_path, 11_000 / 2**30) == 4
        assert names(tmp_path) == {"held", "of trial 4"}
        other.kill()
    assert store.prune(tmp_path, 0) == 2


def test_an_entry_that_a_process_locks_is_kept_until_it_is_unlocked(tmp_path: Path) -> None:
    folder = tmp_path / "tokens" / "entry"
    store.make_entry(folder, lambda aside: (aside / "values.bin").write_text("kept"))
    aged(folder, 9000)
    assert store.prune(tmp_path, 0) == 0
    entry_locks.unlock_all()
    assert store.prune(tmp_path, 0) == 1
    assert not entry_locks.lock_entry(folder)


def test_an_entry_that_is_being_removed_cannot_be_locked(tmp_path: Path) -> None:
    folder = entry(tmp_path / "tokens" / "entry", 1000, 9000)
    with entry_locks.unused(folder) as free:
        assert free
        assert not entry_locks.lock_entry(folder)
        assert not store.mark_used(folder)


def test_a_folder_that_was_made_again_is_locked_again(tmp_path: Path) -> None:
    folder = entry(tmp_path / "tokens" / "entry", 1000, 9000)
    assert entry_locks.lock_entry(folder)
    folder.rename(tmp_path / "gone")
    assert not entry_locks.lock_entry(folder)
    entry(folder, 1000, 9000)
    assert entry_locks.lock_entry(folder)
    assert store.prune(tmp_path, 0) == 0


@pytest.mark.parametrize("size", [0, 1, 4, 1000, 1 << 20])
def test_the_checksum_of_two_parts_is_that_of_both(size: int) -> None:
    first, second = bytes(range(256)) * 5, os.urandom(size)
    assert store.crc_of_both(zlib.crc32(first), zlib.crc32(second), size) == zlib.crc32(first + second)
    assert store.crc_of_both(0, zlib.crc32(second), size) == zlib.crc32(second)


def test_where_no_lock_can_tell_what_was_used_within_the_hour_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(locks.fcntl, "flock", refused)
    folder = entry(tmp_path / "tokens" / "entry", 1000, 600)
    assert entry_locks.lock_entry(folder)
    assert folder not in entry_locks._locks, "no open file is left behind"
    assert store.prune(tmp_path, 0) == 0
    aged(folder, 9000)
    assert store.prune(tmp_path, 0) == 1


def test_hidden_folders_count_for_nothing(tmp_path: Path) -> None:
    entry(tmp_path / "tokens" / "old", 1000, 9000)
    entry(tmp_path / "tokens" / ".written.part", 1_000_000, 60)
    assert store.prune(tmp_path, 50_000 / 2**30) == 0


def test_of_two_that_make_the_same_entry_the_first_wins(tmp_path: Path) -> None:
    folder = tmp_path / "tokens" / "entry"

    def slow(aside: Path) -> None:
        (aside / "values.bin").write_text("second")
        store.make_entry(folder, lambda aside: (aside / "values.bin").write_text("first"))

    store.make_entry(folder, slow)
    assert (folder / "values.bin").read_text() == "first"
    assert names(tmp_path) == {"entry"}


@pytest.mark.parametrize("damage", ["shorter", "other", "gone", "no seal"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    folder, made = tmp_path / "tokens" / "entry", []

    def fill(aside: Path) -> None:
        made.append(aside)
        (aside / "values.bin").write_bytes(bytes(100))

    store.make_entry(folder, fill)
    store.make_entry(folder, fill)
    assert len(made) == 1
    values = folder / "values.bin"
    if damage == "no seal":
        (folder / store.SEAL).unlink()
    elif damage == "gone":
        values.unlink()
    else:
        values.write_bytes(bytes(50) if damage == "shorter" else bytes(99) + b"x")
    store.make_entry(folder, fill)
    assert len(made) == 2
    assert values.read_bytes() == bytes(100)
    assert "is damaged and is made again" in caplog.text
    assert names(tmp_path) == {"entry"}


def test_an_entry_that_others_made_is_read_though_it_cannot_be_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tokens" / "entry"
    store.make_entry(folder, lambda aside: (aside / "values.bin").write_text("theirs"))

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not yours")

    monkeypatch.setattr(store.os, "utime", refused)
    store.make_entry(folder, lambda aside: (aside / "values.bin").write_text("ours"))
    assert (folder / "values.bin").read_text() == "theirs"
    assert not store.mark_used(tmp_path / "tokens" / "another")


def test_an_entry_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fails(aside: Path) -> None:
        (aside / "values.bin").write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        store.make_entry(tmp_path / "tokens" / "entry", fails)
    assert not names(tmp_path)


def test_a_file_read_again_is_marked_as_used(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("texto,modo\nuno,A\n")
    open_file(path, "data.path", FileSettings(), tmp_path / "cache")
    (folder,) = (tmp_path / "cache" / "files").iterdir()
    aged(folder, 9000)
    open_file(path, "data.path", FileSettings(), tmp_path / "cache")
    assert store.prune(tmp_path / "cache", 0) == 0
    aged(folder, 9000)
    assert store.prune(tmp_path / "cache", 0) == 0
    entry_locks.unlock_all()
    assert store.prune(tmp_path / "cache", 0) == 1


def test_entries_of_another_user_stay_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may be moved and not emptied would be gone for its owner, and its bytes would stay."""
    theirs, ours = (
        entry(tmp_path / "tokens" / "theirs", 1000, 90_000),
        entry(tmp_path / "tokens" / "ours", 1000, 80_000),
    )
    monkeypatch.setattr(store.os, "access", lambda path, _: Path(path).name != "theirs")
    assert store.prune(tmp_path, 0) == 1
    assert (theirs.exists(), ours.exists()) == (True, False)


def test_a_cache_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = entry(tmp_path / "tokens" / "theirs", 1000, 90_000)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "not yours")

    monkeypatch.setattr(Path, "rename", refuse)
    assert store.prune(tmp_path, 0) == 0
    assert theirs.exists()


@pytest.mark.parametrize("in_use_s", ["3600", "-1"])
def test_processes_that_make_and_prune_the_same_entries_do_not_trip_each_other(tmp_path: Path, in_use_s: str) -> None:
    go = tmp_path / "go"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(go), in_use_s],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    go.touch()
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0, 0], "\n".join(errors)
    assert not [name for name in names(tmp_path) if name.startswith(".")]
    if in_use_s == "3600":
        assert names(tmp_path) == {str(number) for number in range(10)}
