"""The graph of an export as a model: its inputs are checked, shorter windows are padded, other devices are refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec, TextBatch, TextSpec, TextWindows
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


def test_a_text_longer_than_a_window_has_the_mean_logits_of_its_windows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of [CLS] 1 2 3 [SEP] and [CLS] 4 5 6 [SEP], say; the graph gives the sum of their ids."""
    spec = TextSpec(HEADS, 20, 0, 5)
    model = OnnxModel(folder, SPEC, TextWindows(size=5, most=3))
    model.spec = spec
    widths = []

    def run(tensors: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        widths.append(tensors["ids"].shape[1])
        return [(tensors["ids"] * tensors["mask"]).sum(1, keepdim=True).float()]

    monkeypatch.setattr(model, "_run", run)
    ids = torch.tensor([[10, 1, 2, 3, 4, 5, 6, 11], [10, 7, 11, 0, 0, 0, 0, 0]])
    batch = TextBatch(ids, ids > 0, {}, torch.arange(2), {})
    (sums,) = model(batch)
    starts = range(0, 4, model.windows.step) if model.windows is not None else []
    windows = [10 + sum([1, 2, 3, 4, 5, 6][min(start, 3) : min(start, 3) + 3]) + 11 for start in starts]
    assert len(windows) == len(widths)
    assert sums[:, 0].tolist() == pytest.approx([sum(windows) / len(windows), 28])
    assert set(widths) == {5}
