"""Which base an adapter was trained on: its identity, and its weights where no file elsewhere holds them.

A checkpoint of adapters means nothing beside other base weights, and nothing would show it. So a run's folder names its
base by a hash of all weights (1 s per GiB), and what loads the adapters compares. A base drawn at random is in no hub:
it is kept whole.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lab.config.schema import Encoder
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json, regular, write_whole

IDENTITY_FILE, WEIGHTS_FILE = "base.json", "base.safetensors"


def identity(transformer: nn.Module) -> str:
    """Hex digest of every weight's name, shape and bytes."""
    found = hashlib.sha256()
    for name, tensor in sorted(transformer.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:32]


def keep(folder: Path, transformer: nn.Module, whole: bool) -> None:
    """Write the identity of a base; whole: its weights, too."""
    if whole:
        write_whole(folder / WEIGHTS_FILE, lambda aside: save_file(dict(transformer.state_dict()), aside))
    text = json.dumps({"sha256": identity(transformer)})
    write_whole(folder / IDENTITY_FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def same(transformer: Any, folder: Path, model: Encoder) -> Any:
    """`transformer` if it is the base that `folder` names. Raises RequestError for another one."""
    return _checked(transformer, folder, model.path or model.package or model.name)


def filled(transformer: Any, folder: Path) -> Any:
    """`transformer` with the weights that `folder` keeps. Raises RequestError where they are damaged or gone."""
    path = folder / WEIGHTS_FILE
    try:
        transformer.load_state_dict(load_file(regular(path)))
    except (OSError, Unreadable, SafetensorError, RuntimeError) as error:
        problem = f"{path} holds the base of this run's adapters and cannot be read: {' '.join(str(error).split())}"
        raise RequestError(Mistake("", problem[:400], "a whole run folder")) from error
    return _checked(transformer, folder, str(path))


def _checked(transformer: Any, folder: Path, source: str) -> Any:
    path = folder / IDENTITY_FILE
    if not path.exists():
        raise RequestError(Mistake("", f"{path} is missing: nothing names the adapters' base", "a whole run folder"))
    try:
        expected, found = str(read_json(path, dict).get("sha256")), identity(transformer)
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("", f"{path} names no base: {error}", "a whole run folder")) from error
    if found != expected:
        problem = (
            f"the adapters of this run were trained on other base weights: SHA-256 {expected[:12]}, and {source} has "
            f"{found[:12]}"
        )
        raise RequestError(Mistake("model.path", problem, "the weights as they were in that run", source))
    return transformer
