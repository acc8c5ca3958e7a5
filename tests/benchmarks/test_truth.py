"""The benchmark of truth: cells are run once, scores of a split stay apart, a set says who wins in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.truth.__main__ import opened
from benchmarks.truth.cells import MODELS, Cell, cells, finished, keep, run_cell
from benchmarks.truth.sets import SETS, DataSet, NotThere
from benchmarks.truth.table import markdown, rows_of, sentence

DATA = DataSet("toy", "texts", "f1_macro", lambda folder, places: [])


def line(model: str, seed: int, val: float, linear: float = 0.5) -> dict[str, Any]:
    return {
        "data": "toy", "model": model, "seed": seed, "seconds": 10.0,
        "metrics": {"val": {"f1_macro": val, "accuracy": val}, "test": {"f1_macro": 0.1, "accuracy": 0.1}},
        "baselines": {"linear": {"val": {"f1_macro": linear, "accuracy": linear}, "test": {"f1_macro": 0.9}}},
        "calibration": {"val": {"label": {"ece_before": 0.2, "ece_after": 0.1}}},
    }  # fmt: skip


def test_finished_cells_are_known_and_half_a_line_is_not(tmp_path: Path) -> None:
    file = tmp_path / "results" / "truth.jsonl"
    assert finished(file) == {}
    keep(file, line("ngram", 1, 0.6))
    with file.open("a") as out:
        out.write('{"data": "toy", "mod')
    assert list(finished(file)) == [Cell("toy", "ngram", 1)]


def test_cells_are_those_of_the_task() -> None:
    made = list(cells(["toy"], "texts", ["ngram", "minirocket"], [1, 2]))
    assert made == [Cell("toy", "ngram", 1), Cell("toy", "ngram", 2)]
    assert {data.task for data in SETS} == set(MODELS)
    assert len({data.name for data in SETS}) == len(SETS)


def test_rows_are_means_over_seeds_of_one_split() -> None:
    rows = rows_of(DATA, [line("ngram", 1, 0.6), line("ngram", 2, 0.8), line("tiny", 1, 0.4)], "val")
    assert [(row.name, row.is_baseline) for row in rows] == [("ngram", False), ("linear", True), ("tiny", False)]
    assert rows[0].score == pytest.approx(0.7)
    assert rows[0].spread == pytest.approx(0.1414, abs=1e-3)
    assert rows[0].ece == pytest.approx((0.2, 0.1))
    assert rows_of(DATA, [line("ngram", 1, 0.6)], "test")[0].name == "linear"


@pytest.mark.parametrize(
    ("score", "words"),
    [(0.6, "ngram is above linear"), (0.505, "ngram is no better than linear"), (0.4, "No model reaches linear")],
)
def test_the_sentence_is_honest(score: float, words: str) -> None:
    assert sentence(DATA, rows_of(DATA, [line("ngram", 1, score)], "val")).startswith(words)


def test_a_failed_cell_is_named_and_not_scored() -> None:
    failed = {"data": "toy", "model": "tiny", "seed": 1, "seconds": 1.0, "failed": "first\nmodel=tiny: too small"}
    text = markdown([DATA], [line("ngram", 1, 0.6), failed], "val")
    assert "tiny did not train: model=tiny: too small" in text
    assert "| ngram | 0.600 | 0.600 | 1 | 10 | 0.200 -> 0.100 |" in text


def test_a_set_that_is_not_there_says_where_it_comes_from(tmp_path: Path) -> None:
    banking = next(data for data in SETS if data.name == "banking77")
    with pytest.raises(NotThere, match="--data banking77=FOLDER"):
        banking.prepare(tmp_path, {})
    with pytest.raises(NotThere, match=r"there is no .*train\.csv"):
        banking.prepare(tmp_path, {"banking77": tmp_path})


def test_opening_the_test_rows_is_a_line_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "LOG.md"
    log.write_text("# Log\n")
    opened(log, [DATA], type("Options", (), {"models": ["ngram"]})())  # type: ignore[arg-type]
    assert log.read_text().endswith(": test scores of benchmarks.truth were opened: toy; models: ngram.\n")


@pytest.mark.slow
def test_a_cell_is_a_run_and_a_wrong_one_a_line(tmp_path: Path) -> None:
    small = ["data.num_rows=300", "trainer.max_epochs=1"]
    found = run_cell(Cell("toy", "ngram", 1), ["model=ngram", *small], 1)
    assert 0 <= found["metrics"]["val"]["f1_macro"] <= 1
    assert found["baselines"]["majority"]["val"]["f1_macro"] > 0
    keep(tmp_path / "truth.jsonl", found)
    assert list(finished(tmp_path / "truth.jsonl")) == [Cell("toy", "ngram", 1)]
    assert "no such key" in run_cell(Cell("toy", "ngram", 2), ["model=ngram", "modle.x=1", *small], 1)["failed"]
