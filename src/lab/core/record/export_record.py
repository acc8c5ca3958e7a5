"""The content of export.json, which makes a folder an export and says what it is; checked on reading.

format: `torch` is read like a run, `onnx` by onnxruntime, `hf` by transformers. checkpoint: the checkpoint of the run
that was exported. adapters: `peft` if they are beside their base model. int8: whether matrices are in 8 bits. checked:
inputs and largest difference of the comparison with the run's model. cost: what 8 bits cost and gain, measured. Imports
no torch.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from lab.core.files import Unreadable, read_json, write_whole
from lab.core.record.fields import Shape, mapping, switch, text

Format = Literal["torch", "onnx", "hf"]
EXPORT_FILE, WEIGHTS_FILE = "export.json", "model.safetensors"


def _format(name: str, value: Any) -> Iterator[str]:
    if value not in get_args(Format):
        yield f"{name} is none of {', '.join(get_args(Format))}"


FIELDS: Mapping[str, Shape] = {
    "format": _format,
    "checkpoint": text,
    "adapters": text,
    "int8": switch,
    "checked": mapping,
    "cost": mapping,
}


def export_faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of the content of export.json, in words."""
    yield from (f"it has no {name}" for name in ("format", "checkpoint") if name not in content)
    for name, value in content.items():
        if name not in FIELDS:
            yield f"it has a field {name[:40]!r}, which no export has"
        else:
            yield from FIELDS[name](name, value)


def read_export(folder: Path) -> dict[str, Any] | None:
    """Return the content of export.json; None for a folder that is no export. Raises Unreadable if it is damaged."""
    path = folder / EXPORT_FILE
    try:
        content = read_json(path, dict)
    except FileNotFoundError:
        return None
    if faults := list(export_faults(content)):
        raise Unreadable(path, "; ".join(faults[:3]))
    return content


def write_export(folder: Path, content: Mapping[str, object]) -> None:
    """Write export.json."""
    written = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / EXPORT_FILE, lambda aside: aside.write_text(written, encoding="utf-8"))
