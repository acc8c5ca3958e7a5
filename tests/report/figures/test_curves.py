from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from lab.core.record.run_folder import RunFolder
from lab.report.figures import curves
from lab.report.figures.plots import Absent


def with_histories(report, lengths):
    histories = tuple(
        {"epoch": np.arange(float(length)), "val/f1_macro": np.linspace(0, 0.5, length)} if length else {}
        for length in lengths
    )
    return replace(report, runs=replace(report.runs, histories=histories))


def test_curves_count_epochs_from_one_and_keep_terminated_trials(tabled) -> None:
    num = 100
    statuses = ["terminated" if row >= 90 else "completed" for row in range(num)]
    report = with_histories(tabled(objective=np.linspace(1, 0, num).tolist(), status=statuses), [500] * num)
    found = curves.curves(report)
    assert found.num_runs == num
    assert [curve.row for curve in found.curves[:12]] == list(range(12))
    assert len(found.curves) == curves.BEST_CURVES + 10 + curves.OTHER_CURVES // 2
    assert sum(curve.status == "terminated" for curve in found.curves) == 10
    assert found.curves[0].epochs[[0, -1]].tolist() == [1.0, 500.0]
    assert len(found.curves[0].epochs) == curves.MOST_POINTS


def test_no_history_says_so(tabled) -> None:
    report = with_histories(tabled(objective=[0.5, 0.6]), [0, 0])
    assert curves.curves(report) == Absent("absent.history")


def test_matrices_are_counted_from_the_predictions_of_the_best(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.5, 0.9, 0.8], configuration=[0, 1, 1])
    assert curves.confusions(report) == Absent("absent.predictions")
    columns = {
        "row": [1, 2, 3, 4], "text": ["a"] * 4, "causa": ["x", "y", "y", None],
        "causa_predicted": ["x", "x", "y", "y"], "causa_probability": [0.9] * 4,
    }  # fmt: skip
    for row in range(3):
        (tmp_path / str(row)).mkdir()
        RunFolder(tmp_path / str(row)).write_predictions(columns)
    found = curves.confusions(report)
    assert [one.label for one in found.matrices] == ["1", "0"], "one run a configuration"
    assert found.matrices[0].classes == ("x", "y")
    assert found.matrices[0].counts.tolist() == [[1, 0], [1, 1]]
    assert found.unread == ()


HEAD = {"causa": ["x", "y"], "causa_predicted": ["x", "x"], "causa_probability": [0.9, 0.8]}
NO_TEXT = pyarrow.array([b"\xff", b"\xfe"]).view(pyarrow.string())
MANY = [str(number) for number in range(curves.MOST_CLASSES + 1)]


def _parquet(path: Path, names: list[str], columns: list[object]) -> None:
    pyarrow.parquet.write_table(pyarrow.table([pyarrow.array(column) for column in columns], names=names), path)


DAMAGES = {
    "no parquet": lambda path: path.write_bytes(b"PAR1 nothing of the kind"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "a hole": lambda path: path.write_bytes(path.read_bytes()[:60].ljust(len(path.read_bytes()), b"\0")),
    "no UTF-8": lambda path: _parquet(path, list(HEAD), [NO_TEXT, *list(HEAD.values())[1:]]),
    "a class for every row": lambda path: _parquet(path, list(HEAD), [MANY, MANY, [0.5] * len(MANY)]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_predictions_that_cannot_be_read_are_named_and_the_others_drawn(tabled, tmp_path: Path, damage) -> None:
    report = tabled(objective=[0.9, 0.8])
    for row in range(2):
        (tmp_path / str(row)).mkdir()
        RunFolder(tmp_path / str(row)).write_predictions(HEAD)
    damage(RunFolder(tmp_path / "0").predictions)
    found = curves.confusions(report)
    assert [one.label for one in found.matrices] == ["1"]
    (reason,) = found.unread
    assert reason.startswith("0 (test_predictions.parquet")
    assert "\n" not in reason
    damage(RunFolder(tmp_path / "1").predictions)
    assert curves.confusions(report).reason == "absent.unread"


def test_a_column_that_stands_twice_is_no_head(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.9, 0.8])
    (tmp_path / "0").mkdir()
    names, columns = [*HEAD, "causa"], [*HEAD.values(), ["y", "y"]]
    _parquet(RunFolder(tmp_path / "0").predictions, names, columns)
    assert curves.confusions(report) == Absent("absent.predictions")
