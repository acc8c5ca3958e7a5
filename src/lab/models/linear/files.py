"""The files of a fitted linear model: its tensors as safetensors, its description as JSON. Nothing is unpickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lab.core.files import Unreadable, read_json, regular, write_whole
from lab.core.record.fields import Shape

WEIGHTS, DESCRIPTION = "linear.safetensors", "linear.json"
Tensors = Mapping[str, npt.NDArray[Any]]


def write_model(folder: Path, description: Mapping[str, Any], tensors: Tensors) -> None:
    """Write both files into `folder`. description: plain values."""
    write_whole(folder / WEIGHTS, lambda aside: aside.write_bytes(save(dict(tensors))))
    write_whole(folder / DESCRIPTION, lambda aside: aside.write_text(json.dumps(description), encoding="utf-8"))


def read_model(folder: Path, shape: Shape) -> tuple[dict[str, Any], Tensors]:
    """Return description and tensors. shape: of the description.

    Raises Unreadable for other content, OSError for a missing file.
    """
    description = read_json(folder / DESCRIPTION, dict)
    if (problem := next(shape("it", description), None)) is not None:
        raise Unreadable(folder / DESCRIPTION, problem)
    try:
        return description, load(regular(folder / WEIGHTS).read_bytes())
    except SafetensorError as error:
        raise Unreadable(folder / WEIGHTS, f"is no file of tensors: {error}") from error
