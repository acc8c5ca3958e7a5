"""The graph of an export as a model: its inputs are checked, shorter windows are padded, other devices are refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec, TextSpec
from lab.core.errors import RequestError
from lab.export.onnx_graph import write_graph
from lab.inference.onnx.model import OnnxModel

HEADS = (HeadSpec("cause", ("leak", "wear"), (1, 1)),)
SPEC = SeriesSpec(HEADS, ("rain", "wind"), 4)


class Sums(nn.Module):
    """Sums of the observed values of each channel, as the logits of two classes."""

    def forward(self, batch: SeriesBatch) -> list[torch.Tensor]:
        return [(batch.values * batch.observed).sum(1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph")
    write_graph(Sums(), SPEC, path / "model.onnx")
    return path


@pytest.mark.parametrize(("rows", "length"), [(1, 4), (5, 4), (2, 3)])
def test_a_graph_computes_as_its_model(folder: Path, rows: int, length: int) -> None:
    values, observed = torch.randn(rows, length, 2), torch.rand(rows, length, 2) > 0.3
    batch = SeriesBatch(values, observed, {}, torch.arange(rows), {})
    (logits,) = OnnxModel(folder, SPEC)(batch)
    assert torch.allclose(logits, Sums()(batch)[0], atol=1e-6)


def test_a_graph_of_another_task_is_refused(folder: Path) -> None:
    with pytest.raises(RequestError, match="has the inputs values, observed, not some of ids, mask, segments"):
        OnnxModel(folder, TextSpec(HEADS, 10, 0, 8))


def test_another_device_is_refused(folder: Path) -> None:
    with pytest.raises(RequestError, match="computes on the CPU"):
        OnnxModel(folder, SPEC).to(torch.device("cuda"))


def test_a_missing_package_ends_in_the_line_that_installs_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.inference.onnx.model.missing_packages", lambda request: ["onnxruntime"])
    with pytest.raises(RequestError, match="pip install"):
        OnnxModel(folder, SPEC)
