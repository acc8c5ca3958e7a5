"""The typed config of an export. All defaults are in conf/export.yaml."""

from typing import Literal

from lab.config.schema.node import Node


class ExportRequest(Node):
    """A checked request for an export."""

    run: str
    """Folder of a run, of a study or of a report; of the latter two their winner."""
    output: str
    """The new folder. An existing one is refused."""
    format: Literal["torch", "onnx", "hf"]
    """torch: a folder that is read like a run; onnx: a graph for onnxruntime; hf: a folder for transformers."""
    adapters: Literal["merged", "peft"]
    """Of a run with adapters, for format=hf: merged into the encoder, or a folder for PEFT beside their base model."""
    int8: bool
    """Of an ONNX graph, the matrices in 8 bits."""
    checkpoint: Literal["best", "last"]
    """Checkpoint of the run."""
    plugins: tuple[str, ...]
    """Modules to import before the model is loaded."""
