"""Writes an export: a temporary folder beside the output, which is renamed at the end, so that no half export exists.

Everything in it is written from checked content and nothing is copied by name, so a stranger's run folder cannot put
files of this machine into an export.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.config.schema.commands.export import ExportRequest
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.files import write_whole
from lab.core.record.export_record import write_export
from lab.core.record.run_folder import RunFolder
from lab.export import torch_format
from lab.export.model_card import card
from lab.export.source import Source, read_source
from lab.inference.winner import find_run
from lab.training.residual.request import has_base


def write_folder(request: ExportRequest) -> list[str]:
    """Write the export of a request, and return the lines to show.

    Raises RequestError for a wrong request or a run that cannot be exported, RunError if the folder cannot be written.
    """
    output = Path(request.output).expanduser()
    refuse_output(output)
    source = read_source(RunFolder(find_run(request.run)), request.checkpoint)
    try:
        with _new_folder(output) as folder:
            lines, facts = _written(request, source, folder)
            write_export(folder, {"format": request.format, "checkpoint": source.checkpoint, **facts})
            text = card(source, output.name, lines, request.format)
            write_whole(folder / "README.md", lambda aside: aside.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise RunError(f"the export cannot be written: {error}") from error
    return [f"{output}: {request.format}, {_mib(output):,.1f} MiB", *lines]


def _written(request: ExportRequest, source: Source, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Write the files of a format; return lines to show and what export.json says besides."""
    if request.format != "torch" and has_base(source.config):
        problem = "the run's logits are those of a simple model of the texts or windows plus the network's (model.base)"
        raise RequestError(
            Mistake("format", f"{problem}; this format has the network only", "format=torch", request.format)
        )
    most = getattr(source.config.data, "max_windows", 1)
    if request.format == "hf" and most > 1:
        problem = f"the run reads up to {most} windows of a text (data.max_windows), a folder of transformers reads one"
        raise RequestError(Mistake("format", problem, "format=torch, or format=onnx", request.format))
    if request.format == "torch":
        return torch_format.write(source, folder), {}
    if request.adapters == "peft":
        from lab.export import peft_format  # needs peft

        return peft_format.write(source, folder), {"adapters": "peft"}
    if request.format == "hf":
        from lab.export import hf_format  # takes seconds to import

        return hf_format.write(source, folder), {}
    from lab.export import onnx_format  # needs onnxruntime

    return onnx_format.write(source, folder, request.int8)


def refuse_output(output: Path) -> None:
    """Raises RequestError for an output that exists or whose parent is no folder."""
    if os.path.lexists(output):
        raise RequestError(Mistake("output", "exists already", f"output={output.name}_2, or remove it", output))
    above = next(path for path in output.absolute().parents if os.path.lexists(path))
    if not above.is_dir():
        raise RequestError(Mistake("output", f"{above} is no folder", "output=NEW_FOLDER", output))


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """A temporary folder that becomes `output` if the block succeeds, and is removed otherwise."""
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = output.with_name(f".{output.name}.{os.getpid()}.part")
    aside.mkdir()
    try:
        yield aside
        if os.path.lexists(output):
            raise RequestError(
                Mistake("output", "exists now, which it did not at the start", "another output=", output)
            )
        aside.rename(output)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _mib(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20
