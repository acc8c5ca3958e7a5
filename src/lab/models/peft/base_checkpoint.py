"""The base model that adapters were trained on: a hash of its weights and, if no other file has them, the weights.

Adapters are worthless with another base, and no error would show this. So the run's folder keeps a hash of all base
weights (1 s per GiB), and the code that loads the adapters compares it. A base with random weights is on no hub, so the
folder keeps its weights too.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lab.config.schema import Encoder
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json, regular, write_whole
from lab.models.parameters import weight_bytes

IDENTITY_FILE, WEIGHTS_FILE = "base.json", "base.safetensors"


def identity(transformer: nn.Module) -> str:
    """Hex digest of every weight's name, shape and bytes."""
    digest = hashlib.sha256()
    for part in weight_bytes(transformer):
        digest.update(part)
    return digest.hexdigest()[:32]


def keep(folder: Path, transformer: nn.Module, whole: bool) -> None:
    """Write the identity of a base into `folder`; with `whole` also its weights."""
    if whole:
        write_whole(folder / WEIGHTS_FILE, lambda aside: save_file(dict(transformer.state_dict()), aside))
    text = json.dumps({"sha256": identity(transformer)})
    write_whole(folder / IDENTITY_FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def same(transformer: Any, folder: Path, model: Encoder) -> Any:
    """`transformer`, if it is the base whose identity is in `folder`. Raises RequestError for any other base."""
    return _checked(transformer, folder, model.path or model.package or model.name)


def filled(transformer: Any, folder: Path) -> Any:
    """`transformer`, filled with the base weights in `folder`. Raises RequestError if these are damaged or missing."""
    path = folder / WEIGHTS_FILE
    try:
        transformer.load_state_dict(load_file(regular(path)))
    except (OSError, Unreadable, SafetensorError, RuntimeError) as error:
        problem = (
            f"{path} has the base weights of this run's adapters and cannot be read: {' '.join(str(error).split())}"
        )
        raise RequestError(Mistake("", problem[:400], "a whole run folder")) from error
    return _checked(transformer, folder, str(path))


def _checked(transformer: Any, folder: Path, source: str) -> Any:
    path = folder / IDENTITY_FILE
    if not path.exists():
        problem = f"{path} is missing: it identifies the base weights of the adapters"
        raise RequestError(Mistake("", problem, "a whole run folder"))
    try:
        expected, actual = str(read_json(path, dict).get("sha256")), identity(transformer)
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("", f"{path} cannot be read: {error}", "a whole run folder")) from error
    if actual != expected:
        problem = (
            f"the adapters of this run were trained on other base weights: SHA-256 {expected[:12]}, and {source} has "
            f"{actual[:12]}"
        )
        raise RequestError(Mistake("model.path", problem, "the base weights of that run", source))
    return transformer
