"""The model of a run as an ONNX graph, by torch.export and onnxscript.

Texts and questions: batch and length are dynamic. Series: the batch is dynamic, and windows have the run's length; a
shorter one is padded on the left with samples that are not observed, which have no influence.
Shapes: B rows, L tokens, T time steps, C channels, K classes.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lab.core.batches import SeriesBatch, SeriesSpec, Spec, TextBatch
from lab.core.errors import Mistake, RequestError
from lab.models.qa.extractive_qa import ExtractiveQA

LARGEST_FILE = 1.8 * 2**30
"""Bytes of weights above which these get a file of their own: a protobuf has at most 2 GiB."""
EXAMPLE = (3, 11)
"""Rows and tokens of the example; neither is kept."""


class TextGraph(nn.Module):
    """ids, mask (B, L) -> logits (B, K) of each head."""

    inputs = ("ids", "mask")

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = copy(model)
        vars(self.model)["windows"] = None  # the graph reads one; who calls it takes the mean over several

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(TextBatch(ids, mask, {}, ids[:, 0], {})))


class QuestionGraph(nn.Module):
    """ids, mask, segments (B, L) -> logits (B, L, 2) of each token as the first and the last of the answer."""

    inputs = ("ids", "mask", "segments")

    def __init__(self, model: ExtractiveQA) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor) -> tuple[Tensor]:
        return (self.model.span(self.model.encoder(ids, mask, segments)),)


class SeriesGraph(nn.Module):
    """values, observed (B, T, C) -> logits (B, K) of each head."""

    inputs = ("values", "observed")

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Tensor, observed: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(SeriesBatch(values, observed, {}, values[:, 0, 0], {})))


def write_graph(model: Any, spec: Spec, path: Path) -> None:
    """Write a model in evaluation mode. Raises RequestError for one that is no graph of operations."""
    graph: TextGraph | QuestionGraph | SeriesGraph
    every = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    ids, mask = torch.ones(EXAMPLE, dtype=torch.long), torch.ones(EXAMPLE, dtype=torch.bool)
    if isinstance(spec, SeriesSpec):
        graph, every = SeriesGraph(model), {0: torch.export.Dim.DYNAMIC}
        shape = (EXAMPLE[0], spec.length, len(spec.channels))
        example: tuple[Tensor, ...] = (torch.zeros(shape), torch.ones(shape, dtype=torch.bool))
    elif isinstance(model, ExtractiveQA):
        graph, example = QuestionGraph(model), (ids, mask, torch.zeros_like(ids))
    else:
        graph, example = TextGraph(model), (ids, mask)
    heads = [f"logits_{head.name}" for head in getattr(spec, "heads", ())] or ["logits"]
    try:
        with quiet():
            program = torch.onnx.export(
                graph.eval(), example, dynamo=True, verbose=False, input_names=list(graph.inputs), output_names=heads,
                dynamic_shapes=(every,) * len(example),
            )  # fmt: skip
            assert program is not None, "a program without a file name"
            program.save(path, external_data=_num_bytes(model) > LARGEST_FILE)
    except torch.onnx.OnnxExporterError as error:
        problem = f"the operations of {type(model).__name__} with this model cannot be an ONNX graph"
        problem += " (a net that computes outside of torch, such as minirocket, has none)"
        raise RequestError(Mistake("format", problem, "format=torch", "onnx")) from error


def _num_bytes(model: nn.Module) -> int:
    return sum(weight.nbytes for weight in model.state_dict().values())


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the exporter's advice about packages that are not there and operations that it did not simplify."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
