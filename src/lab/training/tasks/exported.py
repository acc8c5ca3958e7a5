"""The weights of an exported model: a safetensors file, from which nothing is unpickled."""

from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from lab.core.errors import Mistake, RequestError, listed
from lab.core.files import Unreadable, regular
from lab.core.record.export_record import WEIGHTS_FILE, read_export
from lab.core.record.run_folder import RunFolder

WHOLE = "a whole export, made again by export.py"


def export_of(run: RunFolder) -> dict[str, Any] | None:
    """Return export.json; None for a run. Raises RequestError where it cannot be read."""
    try:
        return read_export(run.path)
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("run", f"export.json cannot be read: {error}", WHOLE, run.path)) from error


def is_export(run: RunFolder) -> bool:
    """Return whether a folder is an export that torch reads.

    Raises RequestError where its export.json cannot be read, and for an export of another format.
    """
    content = export_of(run)
    if content is not None and content["format"] != "torch":
        problem = f"is an export of format={content['format']}, which has no weights for torch"
        raise RequestError(Mistake("run", problem, "an export of format=torch, or the run itself", run.path))
    return content is not None


def load_exported_weights(model: nn.Module, run: RunFolder, checkpoint: str) -> None:
    """Load the weights of an export into the model. Raises RequestError if they are missing, damaged or of another one.

    checkpoint: what was requested; an export has the weights of one checkpoint.
    """
    if checkpoint != "best":
        problem = "an export has the weights of one checkpoint only"
        raise RequestError(Mistake("checkpoint", problem, "checkpoint=best", checkpoint))
    try:
        model.load_state_dict(load_file(regular(run.path / WEIGHTS_FILE)))
    except (OSError, Unreadable, SafetensorError, RuntimeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = f"{WEIGHTS_FILE} does not contain the weights of this model: {listed(lines[1:] or lines, 3)}"
        raise RequestError(Mistake("run", problem[:400], WHOLE, run.path)) from error
