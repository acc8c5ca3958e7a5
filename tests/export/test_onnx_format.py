"""ONNX exports: predictions equal those of the run, a wrong graph is refused, int8 says what it costs and gains."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lab.config.check import check_export
from lab.core.errors import RequestError
from lab.export import onnx_format, onnx_graph
from lab.export.request import mistakes
from lab.inference.predict import Done

from .conftest import Export, assert_same_predictions

PredictWith = Callable[..., Done]
SLOW = ("encoder", "ngram", "linear", "lags", "lora", "own_head", "questions")


@pytest.mark.parametrize(
    "name",
    [
        "net",
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_the_graph_predicts_what_the_run_predicts(
    exported: Export, predict_with: PredictWith, rows: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    new = rows(name)
    predict_with(name, input=new)
    lines = exported(name, format="onnx")
    assert any("largest difference of a logit" in line for line in lines)
    for size in (1, 7, 64):
        output = tmp_path / f"{size}.csv"
        predict_with(name, run=tmp_path / "model", input=new, output=output, device="auto", batch_size=size)
        assert_same_predictions(tmp_path / "out.csv", output, 2e-5)
    assert not list((tmp_path / "model").glob("*.safetensors"))
    difference = json.loads((tmp_path / "model" / "export.json").read_text())["checked"]["largest_difference"]
    assert 0 <= difference <= 1e-4
    with pytest.raises(RequestError, match="which has no weights for torch"):
        exported(name, run=tmp_path / "model", output=str(tmp_path / "second"))


def test_int8_says_what_it_costs_and_gains(
    exported: Export, predict_with: PredictWith, rows: Callable[[str], Path], tmp_path: Path
) -> None:
    lines = "\n".join(exported("encoder", format="onnx", int8=True))
    content = json.loads((tmp_path / "model" / "export.json").read_text())
    assert content["int8"] is True
    assert content["cost"]["bytes"][1] < content["cost"]["bytes"][0]
    assert set(content["cost"]["right"]) == {"cause", "state"}
    assert "test texts of the run: " in lines
    assert "times the rows per second" in lines
    predict_with("encoder", run=tmp_path / "model", input=rows("encoder"))
    for key, value in (("checkpoint", "last"), ("explain", True)):
        with pytest.raises(RequestError, match=key):
            predict_with(
                "encoder", run=tmp_path / "model", input=rows("encoder"), output=tmp_path / "x.csv", **{key: value}
            )
    (tmp_path / "model" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(RequestError, match=r"model\.onnx cannot be read"):
        predict_with("encoder", run=tmp_path / "model", input=rows("encoder"), output=tmp_path / "x.csv")


def test_a_graph_that_differs_is_refused(exported: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: onnx_graph.TextGraph, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(logits + 0.001 for logits in self.model(onnx_graph.TextBatch(ids, mask, {}, ids[:, 0], {})))

    monkeypatch.setattr(onnx_graph.TextGraph, "forward", wrong)
    with pytest.raises(RequestError, match="the graph differs from the model by"):
        exported("ngram", format="onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_net_without_a_graph_is_refused(exported: Export, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be an ONNX graph"):
        exported("series", format="onnx")
    assert list(tmp_path.iterdir()) == []


def test_lines_without_labels_say_that_the_cost_was_not_measured() -> None:
    cost = {"inputs": "64 random inputs", "right": {}, "agreement": 0.5, "rows_per_s": [10.0, 20.0], "threads": 1,
            "bytes": [2**21, 2**20]}  # fmt: skip
    lines = onnx_format.cost_lines(cost)
    assert lines[0] == "int8, measured on 64 random inputs: 50.0% of the answers are those of fp32"
    assert "was not measured" in lines[1]
    assert lines[2].startswith("int8: 2.00 times the rows per second")
    assert lines[3] == "int8: 1.0 MiB, fp32: 2.0 MiB"


def test_int8_is_for_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"run": "x", "output": "y", "checkpoint": "best", "plugins": [], "format": "torch", "int8": True,
             "adapters": "merged"}  # fmt: skip
    assert [mistake.key for mistake in mistakes(check_export(plain))] == ["int8"]
    monkeypatch.setattr("lab.export.request.missing_packages", lambda request: [request.partition("=")[2]])
    (mistake,) = mistakes(check_export(plain | {"format": "onnx", "int8": True}))
    assert mistake.remedy == "pip install 'onnx>=1.23', or format=torch"
