"""What every test can count on: no network, quiet loggers, a cache of its own, one thread a library.

Environment variables are set here, before a library reads them at import; nothing heavy is imported.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_CACHE = tempfile.TemporaryDirectory(prefix="lab-tests-", ignore_cleanup_errors=True)
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "LAB_CACHE": _CACHE.name,
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "XDG_CONFIG_HOME": str(Path(_CACHE.name) / "config"),
}
os.environ.pop("WANDB_API_KEY", None)
os.environ.pop("COLUMNS", None)  # set in workers of pytest-xdist: the width of a terminal that is none


@pytest.hookimpl
def pytest_unconfigure() -> None:
    _CACHE.cleanup()


@pytest.fixture(scope="module", autouse=True)
def plugins_of_other_modules() -> Iterator[None]:
    """Take back what plug-ins of a test module registered in this process (`tests.plugin_state.load`)."""
    yield
    if state := sys.modules.get("tests.plugin_state"):
        state.forget()


class Ended(NamedTuple):
    """How a command ended. code: None where it was killed or did not end in time."""

    code: int | None
    output: str
    errors: str

    @property
    def said(self) -> str:
        return self.output + self.errors


class ForkedCommands:
    """Command lines of train.py and report.py, each in a process forked from one that has the imports done."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("forked_commands.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(
        self,
        *words: str,
        folder: Path,
        limit_s: int = 120,
        environment: Mapping[str, str] | None = None,
        streams: str = "whole",
    ) -> Ended:
        """Run `words`, the first of them `train.py` or `report.py`, in `folder`; see `forked_commands.py`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job = {"words": words, "folder": str(folder), "limit_s": limit_s, "streams": streams}
        self.process.stdin.write(json.dumps(job | {"environment": dict(environment or {})}) + "\n")
        self.process.stdin.flush()
        return Ended(**json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="session")
def forked() -> Iterator[ForkedCommands]:
    server = ForkedCommands()
    yield server
    server.process.communicate(timeout=120)


@pytest.fixture(scope="session")
def read_wandb() -> Callable[[Path], list[Any]]:
    """Records of an offline run in order, `read_wandb(Path("run-<id>.wandb"))`: `wandb_internal_pb2.Record` messages.

    The file is LevelDB's log format behind a header of 7 bytes: blocks of 32 KiB, each piece with a CRC, a length and a
    kind (1 whole, 2 first, 3 middle, 4 last). `finish()` of wandb 0.31 may return some 20 ms before its service has
    written the end: the run is awaited until its exit record is there, 10 s at most.
    """

    def read(path: Path) -> list[Any]:
        from wandb.proto import wandb_internal_pb2

        for _ in range(200):
            records = [wandb_internal_pb2.Record.FromString(payload) for payload in _payloads(path.read_bytes())]
            if any(record.WhichOneof("record_type") == "exit" for record in records):
                return records
            time.sleep(0.05)
        raise AssertionError(f"{path} has no exit record: the run was not finished")

    return read


def _payloads(data: bytes, block: int = 32768) -> Iterator[bytes]:
    """Whole records so far; what is still being written at the end is left out."""
    assert data[:4] in (b"", b":W&B"), "not an offline run of wandb"
    at, pieces = 7, b""
    while at + 7 <= len(data):
        left = block - at % block
        if left < 7:
            at += left
            continue
        _crc, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if at + 7 + length > len(data):
            return
        assert kind in (1, 2, 3, 4), f"no record of wandb at byte {at}"
        pieces += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield pieces
            pieces = b""
