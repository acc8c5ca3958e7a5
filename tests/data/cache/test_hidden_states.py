"""Rows of states on disk: computed once, whoever asks, checked when read, safe from kills and from other processes."""

import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.core import locks
from lab.data.cache import entry_locks, hidden_state_files, hidden_states, store
from lab.data.cache.hidden_state_files import Form
from lab.data.cache.hidden_states import Obtained, digest, obtain

WIDTH = 4
LENGTHS = np.array([3, 1, 5, 2, 4, 3])
INPUTS = [np.arange(length) + 10 * row for row, length in enumerate(LENGTHS)]
DIGESTS = [digest(values) for values in INPUTS]


class Maker:
    """Row r contains its input's values, times the place in the row of numbers; counts the requested rows."""

    def __init__(self, inputs: list[Any] = INPUTS) -> None:
        self.inputs = inputs
        self.computed: list[int] = []

    def __call__(self, rows: Any) -> Iterator[tuple[Any, torch.Tensor]]:
        for batch in np.array_split(rows[::-1], max(1, len(rows) // 2)):
            self.computed += batch.tolist()
            yield batch, torch.cat([expected(self.inputs[row]) for row in batch])


def expected(values: Any) -> torch.Tensor:
    return torch.from_numpy(values)[:, None] * torch.arange(1.0, WIDTH + 1)


def ask(folder: Path, make: Any, rows: list[int] | None = None, key: str = "k", dtype: Any = "fp32") -> Obtained:
    """The states of some of the inputs, as if they were all there are."""
    chosen = list(range(len(INPUTS))) if rows is None else rows
    form = Form(key, WIDTH, dtype)
    return obtain(
        folder, form, [DIGESTS[row] for row in chosen], LENGTHS[chosen], lambda own: relative(make, chosen, own)
    )


def relative(make: Any, chosen: list[int], rows: Any) -> Iterator[tuple[Any, torch.Tensor]]:
    place = {row: own for own, row in enumerate(chosen)}
    for batch, numbers in make(np.array(chosen)[rows]):
        yield np.array([place[row] for row in batch.tolist()]), numbers


def right(result: Obtained, rows: list[int] | None = None) -> bool:
    chosen = list(range(len(INPUTS))) if rows is None else rows
    padded = result.states.padded(np.arange(len(chosen)), 6).float()
    return all(
        torch.equal(padded[place, : LENGTHS[row]], expected(INPUTS[row])) and not padded[place, LENGTHS[row] :].any()
        for place, row in enumerate(chosen)
    )


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "states").iterdir() if path.is_dir())


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_rows_come_back_in_any_order_padded_with_zeros(tmp_path: Path, dtype: str) -> None:
    result = ask(tmp_path, Maker(), dtype=dtype)
    assert (result.distinct, result.hits) == (6, 0)
    padded = result.states.padded(np.array([2, 0]), 5)
    assert (padded.dtype, padded.shape) == ({"fp32": torch.float32, "bf16": torch.bfloat16}[dtype], (2, 5, WIDTH))
    assert right(result)
    assert len(result.states.part(slice(2, 4))) == 2
    assert torch.equal(result.states.part(slice(2, 4)).padded(np.array([0]), 5), padded[:1])


def test_what_is_there_is_not_made_again_in_whatever_company(tmp_path: Path) -> None:
    ask(tmp_path, Maker(), [0, 1, 2])
    make = Maker()
    result = ask(tmp_path, make, [5, 1, 3, 0])
    assert sorted(make.computed) == [3, 5]
    assert (result.distinct, result.hits) == (4, 2)
    assert right(result, [5, 1, 3, 0])
    again = Maker()
    assert right(ask(tmp_path, again))
    assert again.computed == [4]


def test_equal_rows_are_one(tmp_path: Path) -> None:
    make = Maker()
    result = ask(tmp_path, make, [1, 1, 2, 1])
    assert result.distinct == 2
    assert sorted(make.computed) == [1, 2]
    assert right(result, [1, 1, 2, 1])


def test_another_key_shares_nothing(tmp_path: Path) -> None:
    ask(tmp_path, Maker())
    assert ask(tmp_path, Maker(), key="other").hits == 0


def test_states_are_sent_to_a_loader_process_by_their_path(tmp_path: Path) -> None:
    states = ask(tmp_path, Maker()).states
    assert torch.equal(pickle.loads(pickle.dumps(states)).padded(np.array([4]), 4), states.padded(np.array([4]), 4))
    mapped = states._values[0]
    while not isinstance(mapped, np.memmap):
        assert mapped.base is not None, "memory-mapped, not copied"
        mapped = mapped.base


def flipped(entry: Path) -> None:
    values = bytearray((entry / "values.bin").read_bytes())
    values[7] ^= 1
    (entry / "values.bin").write_bytes(values)


def spoilt_index(entry: Path) -> None:
    (entry / "index.bin").write_bytes((entry / "index.bin").read_bytes()[::-1])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped bit": flipped,
    "a torn file": lambda entry: os.truncate(entry / "values.bin", 30),
    "a lost file": lambda entry: (entry / "values.bin").unlink(),
    "no mark of an end": lambda entry: (entry / "whole.json").unlink(),
    "half a mark": lambda entry: (entry / "whole.json").write_text('{"index": [1'),
    "another mark": lambda entry: (entry / "whole.json").write_text(json.dumps([1, 2])),
    "a spoilt index": spoilt_index,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    ask(tmp_path, Maker(), [0, 1])
    ask(tmp_path, Maker(), [2, 3])
    hurt, sound = sorted(entries(tmp_path), key=lambda entry: entry.stat().st_ctime_ns)
    DAMAGE[damage](hurt)
    make = Maker()
    result = ask(tmp_path, make, [0, 1, 2, 3])
    assert sorted(make.computed) == [0, 1]
    assert right(result, [0, 1, 2, 3])
    assert "damaged" in caplog.text
    assert not hurt.exists()
    assert sound.exists()


def test_rows_that_another_run_removes_meanwhile_are_computed_too(tmp_path: Path) -> None:
    ask(tmp_path, Maker(), [0, 1])
    (old,) = entries(tmp_path)
    maker = Maker()

    def make(rows: Any) -> Iterator[Any]:
        shutil.rmtree(old, ignore_errors=True)  # to make room
        yield from maker(rows)

    assert right(ask(tmp_path, make))
    assert sorted(maker.computed) == [0, 1, 2, 3, 4, 5]


def test_a_computation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(rows: Any) -> Iterator[Any]:
        yield next(Maker()(rows))
        raise MemoryError("no more")

    with pytest.raises(MemoryError):
        ask(tmp_path, fails)
    assert entries(tmp_path) == []
    assert right(ask(tmp_path, Maker()))


def test_least_recently_used_states_make_room(tmp_path: Path) -> None:
    ask(tmp_path, Maker(), [0, 1])
    (old,) = entries(tmp_path)
    ask(tmp_path, Maker(), [2, 3])
    (new,) = (entry for entry in entries(tmp_path) if entry != old)
    for entry, age_s in ((old, 9000), (new, 7200)):
        for path in (*entry.iterdir(), entry):
            os.utime(path, (time.time() - age_s,) * 2)
    size = sum(path.stat().st_size for path in new.iterdir())
    entry_locks.unlock_all()
    held = ask(tmp_path, Maker(), [2]).states
    assert store.prune(tmp_path, (size + 5000) / 2**30) == 1
    assert entries(tmp_path) == [new], "what was just read is in use"
    assert ask(tmp_path, Maker(), [0]).hits == 0
    store.shutil.rmtree(new)
    assert held.padded(np.array([0]), 5).any(), "a run that has opened its states keeps them"


def test_room_is_made_for_what_is_missing_before_it_is_written(tmp_path: Path) -> None:
    ask(tmp_path, Maker(), [0, 1])
    reported: list[int] = []
    maker = Maker()

    def room(num_bytes: int) -> None:
        assert not maker.computed
        reported.append(num_bytes)

    form = Form("k", WIDTH, "fp32")
    obtain(tmp_path, form, DIGESTS, LENGTHS, maker, room)
    assert reported == [int(LENGTHS[2:].sum()) * WIDTH * 4]
    obtain(tmp_path, form, DIGESTS, LENGTHS, maker, room)
    assert len(reported) == 1


WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import test_hidden_states as here
here.hidden_state_files.PIECE_BYTES = int(sys.argv[4])

class Slow(here.Maker):
    def __call__(self, rows):
        pauses = [float(word) for word in sys.argv[2].split(",")]
        for number, batch in enumerate(super().__call__(rows)):
            print("batch", flush=True)
            time.sleep(pauses[min(number, len(pauses) - 1)])
            yield batch

make = Slow()
found = here.ask(Path(sys.argv[1]), make)
print("made", len(make.computed), here.right(found), flush=True)
"""


def worker(folder: Path, pauses_s: str, piece_bytes: int = 2**28) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, str(folder), pauses_s, str(Path(__file__).parent), str(piece_bytes)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_of_two_processes_one_computes_and_the_other_waits(tmp_path: Path) -> None:
    first, second = worker(tmp_path, "0.3"), worker(tmp_path, "0.3")
    said = [process.communicate(timeout=120)[0].splitlines()[-1] for process in (first, second)]
    assert sorted(said) == ["made 0 True", "made 6 True"]
    assert len(entries(tmp_path)) == 1


class InterruptedWait(Exception):
    """In place of a wait."""


def test_runs_on_other_rows_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise InterruptedWait

    monkeypatch.setattr(hidden_states, "_wait", refuse)
    own, slot = hidden_states._slot(DIGESTS[:1]), hidden_states._slot
    others = next([0, row] for row in range(1, 6) if slot([DIGESTS[0], DIGESTS[row]]) != own)
    (tmp_path / "states").mkdir()
    with locks.exclusive(tmp_path / "states" / f".k-{own}.lock"):
        with pytest.raises(InterruptedWait):
            ask(tmp_path, Maker(), [0])
        ask(tmp_path, Maker(), others)


@pytest.mark.parametrize(("piece_bytes", "kept"), [(2**28, 0), (1, 2)])
def test_a_writer_that_is_killed_leaves_no_lock_and_only_what_it_had_finished(
    tmp_path: Path, piece_bytes: int, kept: int
) -> None:
    process = worker(tmp_path, "0,600", piece_bytes)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["batch\n", "batch\n"], "the first is written"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert [entry.name.endswith(".part") for entry in entries(tmp_path)] == [kept == 0]
    make = Maker()
    assert right(ask(tmp_path, make))
    assert len(make.computed) == 6 - kept
    assert not any(entry.name.startswith(".") for entry in entries(tmp_path)), "what the killed one left is swept away"


def test_numbers_are_checked_once_and_those_just_written_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    whole = store.crc
    monkeypatch.setattr(store, "crc", lambda path: read.append(path) or whole(path))
    ask(tmp_path, Maker(), [0, 1])
    assert {path.name for path in read} == {"index.bin"}
    (old,) = entries(tmp_path)
    assert right(ask(tmp_path, Maker()))
    assert [path for path in read if path.name == "values.bin"] == [old / "values.bin"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_the_states_are_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    other = tmp_path / "states" / ".k-other.part"  # of a process that may be writing
    other.mkdir(parents=True)
    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    assert right(ask(tmp_path, Maker()))
    assert "cannot be locked" in caplog.text
    assert other.exists()


def test_what_is_being_written_without_the_lock_is_not_swept_away(tmp_path: Path) -> None:
    writer = hidden_state_files.Writer(tmp_path / "states", Form("k", WIDTH, "fp32"))
    (tmp_path / "states").mkdir()
    writer.add([DIGESTS[0]], LENGTHS[:1], expected(INPUTS[0]))
    assert right(ask(tmp_path, Maker()))
    writer.close()
    assert all(entry.exists() for entry in writer.finished)


def test_finished_pieces_outlast_the_rest_of_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run makes room while this one still computes, hours after the first piece."""
    monkeypatch.setattr(hidden_state_files, "PIECE_BYTES", 1)
    maker, removed = Maker(), []

    def make(rows: Any) -> Iterator[Any]:
        for batch in maker(rows):
            yield batch
            for entry in entries(tmp_path):
                for path in (*entry.iterdir(), entry):
                    os.utime(path, (time.time() - 7200,) * 2)
            removed.append(store.prune(tmp_path, 0))

    assert right(ask(tmp_path, make))
    assert removed == [0, 0, 0]
    assert len(maker.computed) == 6


@pytest.mark.parametrize("fails", ["mkdir", "open"])
def test_a_folder_that_cannot_be_made_says_so_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "not yours")

    (tmp_path / "states").mkdir()
    monkeypatch.setattr(Path, fails, refuse)
    writer = hidden_state_files.Writer(tmp_path / "states", Form("k", WIDTH, "fp32"))
    with pytest.raises(PermissionError, match="not yours"):
        writer.add([DIGESTS[0]], LENGTHS[:1], expected(INPUTS[0]))
    writer.discard()


def test_what_cannot_be_read_is_made_again_and_left_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(tmp_path, Maker(), [0, 1])
    (old,) = entries(tmp_path)

    whole = store.crc

    def broken(path: Path) -> int:
        if path.parent == old:
            raise OSError(errno.EIO, "a bad sector, or a disk that is away for a moment")
        return whole(path)

    monkeypatch.setattr(store, "crc", broken)
    make = Maker()
    assert right(ask(tmp_path, make, [0, 1]), [0, 1])
    assert sorted(make.computed) == [0, 1]
    assert "cannot be read" in caplog.text
    assert old.exists()


def test_splits_share_the_files_that_are_open(tmp_path: Path) -> None:
    states = ask(tmp_path, Maker()).states
    assert states.part(slice(0, 2))._values is states._values
