"""Reads an offline run of W&B, `run-<id>.wandb`, without its service: records of protobuf in LevelDB's log format.

After a header of 7 bytes the file has blocks of 32 KiB; a piece of a record has a checksum, a length and a kind (1
whole, 2 first, 3 middle, 4 last). A file of a killed process is read up to its last whole record. Format: LevelDB's
log_format.md.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.core.files import json_value, read_bytes
from lab.core.record.fields import is_number

MOST_BYTES = 2 << 30
HEADER, BLOCK, PIECE = 7, 32768, 7
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """The content of the records. rows: history in order; exit_code: None if the run never ended; seconds: duration,
    None if unknown."""

    name: str = ""
    group: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    seconds: float | None = None


def payloads(data: bytes) -> Iterator[bytes]:
    """Yield the whole records. Raises ValueError if the data are no offline run."""
    if data[:4] != b":W&B":
        raise ValueError("no offline run of W&B")
    at, pieces = HEADER, b""
    while at + PIECE <= len(data):
        left = BLOCK - at % BLOCK
        if left < PIECE:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + PIECE])
        if at + PIECE + length > len(data):
            return
        if kind not in (WHOLE, FIRST, MIDDLE, LAST):
            raise ValueError(f"no record at byte {at}")
        pieces += data[at + PIECE : at + PIECE + length]
        at += PIECE + length
        if kind in (WHOLE, LAST):
            yield pieces
            pieces = b""


def read_offline(path: Path) -> OfflineRun:
    """Return the run in a file. Raises ValueError for a file that is no offline run, OSError as `open` does."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
    from wandb.proto import wandb_internal_pb2

    run = OfflineRun()
    try:
        for payload in payloads(read_bytes(path, MOST_BYTES)):
            _add(run, wandb_internal_pb2.Record.FromString(payload), path)
    except DecodeError as error:
        raise ValueError(f"no record of W&B: {error}") from error
    return run


def _add(run: OfflineRun, record: Any, path: Path) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        run.name, run.group = record.run.display_name, record.run.run_group
        _update(run.config, record.run.config.update, path)
    elif kind == "config":
        _update(run.config, record.config.update, path)
    elif kind == "history":
        row: dict[str, Any] = {}
        _update(row, record.history.item, path)
        run.rows.append(row)
        run.seconds = row["_runtime"] if is_number(row.get("_runtime")) else run.seconds
    elif kind == "summary":
        _update(run.summary, record.summary.update, path)
    elif kind == "exit":
        run.exit_code, run.seconds = record.exit.exit_code, record.exit.runtime or run.seconds


def _update(tree: dict[str, Any], items: Any, path: Path) -> None:
    for item in items:
        key = item.key or ".".join(item.nested_key)
        tree[key] = json_value(path, item.value_json)
