"""What tells versions of a model apart: a digest of the files, and of the recorded facts, that make it.

A copy in another folder is the same version.
"""

import hashlib
import json
from pathlib import Path

from lab.config.schema.commands.serve import ServeRequest
from lab.core.files import Unreadable, read_json
from lab.inference.addresses.fetch import is_address, version_of
from lab.inference.series import RECORDED
from lab.inference.winner import find_run

DIGITS = 12
"""Hexadecimal digits of a version's name."""
MODEL_FILES = ("config.yaml", "spec.json", "calibration.json", "*.safetensors", "*.onnx", "tokenizer/*", "base/*")
"""Files of a run or export folder that make the model, beside its checkpoint and what `_recorded` takes."""
RECORD = "run.json"
Signature = tuple[Path, tuple[tuple[str, int, int], ...]]
"""Folder of a version, and the name, size and time of change of each of its files; or an address and its version."""


def signature(request: ServeRequest) -> Signature:
    """Return what tells whether `run=` names other files than before. Raises RequestError as `find_run` does.

    Of an address of a registry only the version is read; nothing is fetched.
    """
    if is_address(request.run):
        return Path(request.run), ((version_of(request.run), 0, 0),)
    folder = find_run(request.run).resolve()
    stats = []
    for path in _files(folder, request.checkpoint):
        try:
            stat = path.stat()
        except FileNotFoundError:  # replaced at this moment; the next look sees what came
            continue
        stats.append((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    if facts := _recorded(folder):
        stats.append((f"{RECORD} {hashlib.sha256(facts).hexdigest()}", len(facts), 0))
    return folder, tuple(stats)


def _files(folder: Path, checkpoint: str) -> list[Path]:
    names = [*MODEL_FILES, f"checkpoints/{checkpoint}.ckpt", "checkpoints/refit.ckpt"]
    return sorted(path for name in names for path in folder.glob(name) if path.is_file())


def _recorded(folder: Path) -> bytes:
    """The facts that a predictor of series reads from the run's record, as JSON; empty for other runs."""
    try:
        facts = read_json(folder / RECORD, dict).get("data")
    except (OSError, Unreadable):  # `load` says what is wrong with it
        return b""
    if not isinstance(facts, dict) or "step_s" not in facts:
        return b""
    return json.dumps({name: facts.get(name) for name in RECORDED}, sort_keys=True).encode()


def digest(folder: Path, checkpoint: str) -> str:
    """Return the name of the version in a folder."""
    found = hashlib.sha256()
    for path in _files(folder, checkpoint):
        with path.open("rb") as file:
            found.update(f"{path.relative_to(folder)}\0".encode())
            found.update(hashlib.file_digest(file, "sha256").digest())
    found.update(_recorded(folder))
    return found.hexdigest()[:DIGITS]
