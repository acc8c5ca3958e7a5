"""The model of an ONNX export: batches in, logits out, as the model of the run gives them; onnxruntime computes.

Operators of other libraries are never loaded, so a stranger's file runs no code of its own. It computes on the CPU.
Shapes: B rows, L tokens, T time steps, C channels, K classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lab.cli.optional_packages import missing_packages, not_installed
from lab.core.batches import QuestionBatch, SeriesBatch, SeriesSpec, Spec, TextBatch, TextSpec, TextWindows
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.files import Unreadable, regular
from lab.models.qa.extractive_qa import possible
from lab.models.qa.spans import log_probabilities
from lab.models.text.windows import mean_over_windows

MODEL_FILE = "model.onnx"
WHOLE = "a whole export, made again by export.py"


class OnnxModel:
    """A graph with inputs `ids`, `mask` (and `segments`), or `values` and `observed`, and outputs per head.

    windows: the graph reads one window of a text; with them a longer text has the mean of the logits of several.
    Raises RequestError if onnxruntime is not installed, or if the file is missing or is no such graph.
    """

    def __init__(self, folder: Path, spec: Spec, windows: TextWindows | None = None) -> None:
        self.windows = windows
        refuse_if_any(
            not_installed("run", name, value=str(folder)) for name in missing_packages("run= of an ONNX export")
        )
        import onnxruntime

        self.spec, unreadable = spec, _errors()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            path = regular(folder / MODEL_FILE)
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except unreadable as error:
            words = " ".join(str(error).split())[:300]
            raise RequestError(Mistake("run", f"{MODEL_FILE} cannot be read: {words}", WHOLE, folder)) from error
        self.inputs = [each.name for each in self.session.get_inputs()]
        known = {"values", "observed"} if isinstance(spec, SeriesSpec) else {"ids", "mask", "segments"}
        if not self.inputs or not set(self.inputs) <= known:
            problem = f"{MODEL_FILE} has the inputs {', '.join(self.inputs)}, not some of {', '.join(sorted(known))}"
            raise RequestError(Mistake("run", problem, WHOLE, folder))

    def to(self, device: torch.device) -> "OnnxModel":
        """Return the model itself. Raises RequestError for a device that is not the CPU."""
        if device.type != "cpu":
            raise RequestError(Mistake("device", "an ONNX export computes on the CPU", "device=cpu", str(device)))
        return self

    def __call__(self, batch: Any) -> Any:
        """Logits (B, K) of each head; for questions log-probabilities (B, L, 2)."""
        if isinstance(batch, QuestionBatch):
            logits = self._run({"ids": batch.ids, "mask": batch.mask, "segments": batch.segments})[0]
            return log_probabilities(logits, possible(batch))
        if isinstance(batch, SeriesBatch):
            assert isinstance(self.spec, SeriesSpec), "a batch of series for a model of texts"
            # samples that are not observed have no influence, and the newest is always the last
            missing = (0, 0, self.spec.length - batch.values.shape[1], 0)
            padded = {"values": batch.values, "observed": batch.observed}
            return self._run({name: functional.pad(tensor, missing) for name, tensor in padded.items()})
        assert isinstance(batch, TextBatch), f"a {type(batch).__name__}"
        if self.windows is None or batch.ids.shape[1] <= self.windows.size:
            return self._of_window(batch)
        assert isinstance(self.spec, TextSpec), "windows of texts"
        return mean_over_windows(batch, self.windows, self.spec.pad_id, self._of_window)

    def _of_window(self, batch: TextBatch) -> list[Tensor]:
        return self._run({"ids": batch.ids, "mask": batch.mask})

    def _run(self, tensors: dict[str, Tensor]) -> list[Tensor]:
        fed = {name: np.ascontiguousarray(tensors[name].numpy()) for name in self.inputs}
        return [torch.from_numpy(output) for output in self.session.run(None, fed)]


def _errors() -> tuple[type[Exception], ...]:
    """The exceptions for a file that cannot be read or is no graph."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    own = [getattr(state, name) for name in (*names, "RuntimeException")]
    return (OSError, Unreadable, *own)
