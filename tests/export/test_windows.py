"""A run that reads long texts in windows (`data.max_windows`): an export predicts the same, or is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.inference.predict import Done

from .conftest import Export, assert_same_predictions, read_csv, write_csv


@pytest.mark.slow
def test_predictions_of_a_graph_and_explanations_read_the_windows_that_the_run_reads(
    exported: Export, predict_with: Callable[..., Done], tmp_path: Path
) -> None:
    texts = [("pump", "drips " * 3 + "shakes noise " * num) for num in range(9)]
    new = write_csv(tmp_path / "new.csv", [("title", "text"), *texts])
    predict_with("windows", input=new)
    first = {row["cause_probability"] for row in read_csv(tmp_path / "out.csv")[2:5]}
    assert len(first) > 1, "words behind the first window change the probability"
    exported("windows", format="onnx")
    for size in (1, 64):
        predict_with("windows", run=tmp_path / "model", input=new, output=tmp_path / f"{size}.csv", batch_size=size)
        assert_same_predictions(tmp_path / "out.csv", tmp_path / f"{size}.csv", 2e-5)
    assert "`model.onnx` is the graph of one window" in (tmp_path / "model" / "README.md").read_text()
    with pytest.raises(RequestError, match="a folder of transformers reads one"):
        exported("windows", format="hf", output=str(tmp_path / "hub"))
    assert not (tmp_path / "hub").exists()

    done = predict_with("windows", input=new, output=tmp_path / "why.csv", explain=True)
    longer = [line for line in done.lines if "are longer than a window" in line]
    assert longer
    explained = read_csv(tmp_path / "why.csv")
    assert [row["cause"] for row in explained] == [row["cause"] for row in read_csv(tmp_path / "out.csv")]
    behind = [value for _, value in json.loads(explained[8]["cause_attributions"])[4:]]
    assert behind
    assert set(behind) == {0.0}
    page = (tmp_path / "why.explained.html").read_text()
    assert page.count("first window only") == 2 * int(longer[0].split()[0])
