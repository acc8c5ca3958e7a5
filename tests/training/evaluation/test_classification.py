"""The files of a test: predictions without a Python object per number, and one figure per head."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from lab.core.batches import MISSING, HeadSpec
from lab.core.record.run_folder import HEAD_SUFFIXES, ROW_COLUMNS, RunFolder
from lab.models.classifier import HeadMetric
from lab.models.metrics import MATRIX_CLASSES
from lab.training.baselines.base import Baseline
from lab.training.evaluation import base
from lab.training.evaluation.classification import ClassificationResult, classification_result, figure_names

HEADS = (HeadSpec("causa 1", ("a", "b"), (3, 2)), HeadSpec("causa_1", ("x", "y", "z"), (3, 1, 1)))


def result(num_rows: int = 5) -> ClassificationResult:
    random = np.random.default_rng(0)
    labels = {head.name: random.integers(0, head.num_classes, num_rows) for head in HEADS}
    labels["causa 1"][1] = MISSING
    identity = {"row": np.arange(num_rows) * 2, "text": [f"texto {row}" for row in range(num_rows)]}
    drawn = [random.normal(size=(num_rows, head.num_classes)) for head in HEADS]
    probabilities = [torch.softmax(torch.from_numpy(logits).float(), 1) for logits in drawn]
    return classification_result(metric_of(probabilities, labels, HEADS), probabilities, labels, HEADS, identity)


def metric_of(probabilities: list[torch.Tensor], labels: dict[str, Any], heads: tuple[HeadSpec, ...]) -> HeadMetric:
    """The metric of a test pass over these rows."""
    metric = HeadMetric(heads, lambda means, known: means[known].sum(), keep_probabilities=True)
    for index, head in enumerate(heads):
        truth = torch.from_numpy(labels[head.name])
        metric.update(index, probabilities[index].log(), truth, torch.tensor(1.0), torch.tensor(2.0))
    return metric


def test_predictions_read_back_as_they_were(tmp_path: Path) -> None:
    tested = result()
    folder = RunFolder(tmp_path)
    folder.write_predictions(tested.predictions)
    table = pyarrow.parquet.read_table(folder.predictions)
    read = table.to_pydict()
    assert [*read] == [*ROW_COLUMNS, *(head.name + suffix for head in HEADS for suffix in ("", *HEAD_SUFFIXES))]
    assert read["row"] == [0, 2, 4, 6, 8]
    assert read["text"] == [f"texto {row}" for row in range(5)]
    assert read["causa 1"][1] is None
    assert set(read["causa 1"]) <= {"a", "b", None}
    shares = np.array(read["causa_1_probabilities"], dtype=np.float32)
    assert shares.shape == (5, 3)
    assert np.array_equal(shares, tested.predictions["causa_1_probabilities"])
    assert np.array_equal(shares.max(1), np.array(read["causa_1_probability"], dtype=np.float32))
    assert read["causa_1_predicted"] == ["xyz"[place] for place in shares.argmax(1)]
    assert table.schema.field("causa_1_probabilities").type.value_type == pyarrow.float32()


def test_offsets_change_classes_and_their_scores_and_no_probability(tmp_path: Path) -> None:
    before = result(200)
    after = before.calibrated({}, {"causa_1": [0.0, 3.0, 0.0]})
    tables = after.predictions["causa_1_probabilities"]
    assert np.array_equal(tables, before.predictions["causa_1_probabilities"])
    chosen = (np.log(tables) + np.array([0.0, 3.0, 0.0])).argmax(1)
    assert after.predictions["causa_1_predicted"].to_pylist() == ["xyz"[place] for place in chosen]
    assert np.array_equal(after.predictions["causa_1_probability"], tables[np.arange(200), chosen])
    right = float((chosen == before.labels["causa_1"]).mean())
    assert after.metrics["causa_1/accuracy"] == pytest.approx(right)
    assert after.metrics["causa_1/accuracy"] != before.metrics["causa_1/accuracy"]
    assert after.metrics["accuracy"] == pytest.approx((right + before.metrics["causa 1/accuracy"]) / 2)
    kept = ("loss", "auc", "causa 1/f1_macro", "causa_1/loss")
    names = [name for name in kept if name in before.metrics]
    assert [after.metrics[name] for name in names] == [before.metrics[name] for name in names]
    assert after.matrices["causa_1"].sum(0).tolist() == np.bincount(chosen, minlength=3).tolist()
    assert np.array_equal(after.matrices["causa_1"].sum(1), before.matrices["causa_1"].sum(1))
    assert np.array_equal(after.counts["causa_1"][2], after.matrices["causa_1"].diagonal())
    assert np.array_equal(after.scored_rows["causa_1"].chosen(), chosen)
    after.write(RunFolder(tmp_path))


def test_a_head_that_diverged_leaves_no_mean() -> None:
    before = result(20)
    lost = replace(before, metrics={name: np.nan if "/" not in name else each for name, each in before.metrics.items()})
    after = lost.calibrated({}, {"causa_1": [0.0, 3.0, 0.0]})
    assert np.isnan(after.metrics["f1_macro"])
    assert after.metrics["causa_1/f1_macro"] != before.metrics["causa_1/f1_macro"]


def test_the_table_shows_the_number_of_rows() -> None:
    assert str(result(5).table().caption).startswith("Of 5 test rows. ")
    assert str(result(2000).table().caption).startswith("Of 2,000 test rows. ")


def test_the_table_has_room_for_two_baselines_and_names_the_others() -> None:
    scores = {"accuracy": 0.5, "f1_macro": 0.25}
    names = ("majority", "persistence", "ridge")
    found = [Baseline(name, {"val": scores, "test": scores}) for name in names]
    table = replace(result(), baselines=(*found, Baseline("linear", note="train has no words"))).table()
    titles = [column.title for column in table.columns]
    assert [title for title in titles if "\n" in title] == [
        f"{name}\n{score}" for name in ("persistence", "majority") for score in ("acc.", "F1")
    ]
    assert str(table.caption).endswith("Also in run.json: ridge. Linear: train has no words.")
    alone = replace(result(), baselines=tuple(found[:1])).table()
    assert [column.title for column in alone.columns][-2:] == ["majority\nacc.", "majority\nF1"]


def test_loggers_get_the_first_rows_of_the_columns_they_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "LOGGED_ROWS", 3)
    columns = result().columns
    assert {name.removeprefix("causa 1") for name in columns if name.startswith("causa 1")} == {
        "",
        "_predicted",
        "_probability",
    }
    assert columns["text"] == ["texto 0", "texto 1", "texto 2"]
    assert columns["row"] == [0, 2, 4]
    assert {type(value) for value in columns["causa 1_probability"]} == {float}
    assert columns["causa 1"][1] is None


def test_heads_whose_names_differ_in_punctuation_have_separate_figures(tmp_path: Path) -> None:
    assert figure_names(["causa 1", "causa_1", "Causa.1", "modo"]) == [
        "confusion_causa_1",
        "confusion_causa_1_2",
        "confusion_Causa_1_3",
        "confusion_modo",
    ]
    assert len(set(figure_names(["a b", "a_b", "a_b_2", "a.b"]))) == 4
    result().write(RunFolder(tmp_path))
    assert not (tmp_path / "figures").exists(), "figures are drawn after the record"
    result().draw(RunFolder(tmp_path))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "confusion_causa_1.png",
        "confusion_causa_1_2.png",
    ]
    report = (tmp_path / "classification_report.txt").read_text()
    assert report.startswith("causa 1\n")
    assert report.count("macro avg") == 2


def test_many_classes_have_a_report_and_scores_but_no_matrix(tmp_path: Path) -> None:
    """A matrix of 5,000 classes would be 200 MB, and 25 million rows of a logger's table."""
    num = MATRIX_CLASSES + 1
    many = HeadSpec("part", tuple(f"part {number}" for number in range(num)), (1,) * num)
    few = HeadSpec("place", ("a", "b"), (3, 2))
    labels = {"part": np.array([0, 1, 2, MISSING]), "place": np.array([0, 1, 1, 1])}
    probabilities = [torch.eye(num)[[0, 1, 5, 7]] * 0.9 + 1e-6, torch.tensor([[0.9, 0.1]] * 4)]
    metric = metric_of(probabilities, labels, (many, few))
    found = classification_result(metric, probabilities, labels, (many, few), {"row": np.arange(4)})
    assert set(found.confusions) == {"place"}
    assert found.metrics["part/accuracy"] == pytest.approx(2 / 3)
    assert found.metrics["part/f1_macro"] == pytest.approx(2 / 4), "two of the four classes that occur"
    assert metric.counts_0.shape == (3, num)
    found.write(RunFolder(tmp_path))
    found.draw(RunFolder(tmp_path))
    assert "part 500" in (tmp_path / "classification_report.txt").read_text()
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["confusion_place.png"]
    assert str(found.table().rows).count("part") == 1
