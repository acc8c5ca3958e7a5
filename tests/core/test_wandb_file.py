"""Records of an offline run of W&B: pieces joined over blocks, a torn end left out, other files refused."""

import struct
from pathlib import Path

import pytest

from lab.core.wandb_file import BLOCK, FIRST, HEADER, LAST, PIECE, WHOLE, payloads, read_offline


def piece(kind: int, data: bytes) -> bytes:
    return struct.pack("<IHB", 0, len(data), kind) + data


START = b":W&B\x00\x00\x00"


def test_whole_records_and_records_over_two_blocks() -> None:
    first = piece(WHOLE, b"one")
    room = BLOCK - HEADER - len(first) - PIECE
    data = START + first + piece(FIRST, b"a" * room) + piece(LAST, b"b")
    assert list(payloads(data)) == [b"one", b"a" * room + b"b"]


def test_the_rest_of_a_block_that_has_no_room_for_a_header_is_skipped() -> None:
    first = piece(WHOLE, b"x" * (BLOCK - HEADER - PIECE - 3))
    assert list(payloads(START + first + b"\0" * 3 + piece(WHOLE, b"two")))[1] == b"two"


def test_a_torn_end_is_left_out() -> None:
    data = START + piece(WHOLE, b"one") + piece(WHOLE, b"two")
    assert list(payloads(data[:-1])) == [b"one"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run-x.wandb").write_bytes(b"something else")
    with pytest.raises(ValueError, match="no offline run"):
        read_offline(tmp_path / "run-x.wandb")
    with pytest.raises(ValueError, match="no record at byte 7"):
        list(payloads(START + piece(9, b"")))
