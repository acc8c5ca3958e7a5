"""The model of `run=`: that of a run or of a torch export, or the graph of an ONNX export."""

from pathlib import Path
from typing import Literal

from lab.config.schema import Config, Labelled
from lab.core.batches import TextSpec, TextWindows
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.inference.onnx.model import OnnxModel
from lab.models.task_module import TaskModule
from lab.training.tasks.exported import export_of
from lab.training.tasks.saved_model import load_run, read_config, read_spec


def load_model(folder: Path, checkpoint: Literal["best", "last"]) -> tuple[Config, TaskModule | OnnxModel]:
    """Return the config and the model of a run or an export. Raises RequestError as `load_run` and `OnnxModel` do."""
    run = RunFolder(folder)
    exported = export_of(run)
    if exported is None or exported["format"] != "onnx":
        return load_run(folder, checkpoint)
    if checkpoint != "best":
        problem = "an export has the weights of one checkpoint only"
        raise RequestError(Mistake("checkpoint", problem, "checkpoint=best", checkpoint))
    config, spec = read_config(run), read_spec(run)
    windows = None
    if isinstance(spec, TextSpec) and isinstance(config.data, Labelled) and config.data.max_windows > 1:
        windows = TextWindows(spec.max_length, config.data.max_windows)
    return config, OnnxModel(folder, spec, windows)
