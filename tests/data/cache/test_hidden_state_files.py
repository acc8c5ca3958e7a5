"""Folders of hidden states: written under a hidden name, checked when they are read, removed when they are given up."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lab.data.cache.entry_locks import unlock_all
from lab.data.cache.hidden_state_files import VALUES, Form, Writer, find_rows, open_values

FORM = Form("key", 2, "fp32")
DIGESTS = [bytes([number]) * 16 for number in range(2)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    writer = Writer(tmp_path, FORM)
    writer.add(DIGESTS, np.array([1, 2]), torch.arange(6.0).reshape(3, 2))
    assert [path.name.startswith(".") for path in tmp_path.iterdir()] == [True], "not finished yet"
    writer.close()
    (folder,) = writer.finished
    unlock_all()
    return folder


def test_wanted_rows_have_their_first_places(written: Path) -> None:
    assert find_rows(written, FORM, {DIGESTS[1], b"x" * 16}, verified=False) == {DIGESTS[1]: 1}
    assert open_values(written, FORM).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert FORM.place_bytes == 8


def test_a_damaged_folder_is_none_and_a_removed_one_is_empty(written: Path) -> None:
    numbers = bytearray((written / VALUES).read_bytes())
    numbers[5] ^= 1
    (written / VALUES).write_bytes(numbers)
    assert find_rows(written, FORM, set(DIGESTS), verified=False) is None
    (written / VALUES).write_bytes(numbers[:-8])
    assert find_rows(written, FORM, set(DIGESTS), verified=True) is None
    assert find_rows(written.parent / "none", FORM, set(DIGESTS), verified=False) == {}


def test_a_writer_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path, FORM)
    writer.add(DIGESTS[:1], np.array([1]), torch.zeros(1, 2))
    writer.discard()
    writer.close()
    assert (writer.finished, list(tmp_path.iterdir())) == ([], [])
