"""Checks of a request for an export that need neither torch nor the run: keys that contradict, missing packages."""

from collections.abc import Iterator

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema.commands.export import ExportRequest
from lab.core.errors import Mistake


def mistakes(request: ExportRequest) -> Iterator[Mistake]:
    """Yield every mistake of a request that can be seen before the run is read."""
    if request.int8 and request.format != "onnx":
        yield Mistake("int8", "is only for ONNX", f"int8=false, or format=onnx in place of {request.format}", True)
    if request.adapters == "peft" and request.format != "hf":
        remedy = f"format=hf, or adapters=merged with format={request.format}"
        yield Mistake("adapters", "a folder for PEFT is only made with format=hf", remedy, "peft")
    for name in missing_packages("adapters=peft") if request.adapters == "peft" else ():
        yield not_installed("adapters", name, "adapters=merged", "peft")
    for name in missing_packages(f"format={request.format}"):
        yield not_installed("format", name, "format=torch", request.format)
