from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from lab.core.record.run_folder import RunFolder
from lab.report.figures.base import Absent
from lab.report.figures.scores import confusion
from lab.report.text.translate import Translator

from ..test_drawing import decoded


def test_matrices_are_counted_from_the_predictions_of_the_best(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.5, 0.9, 0.8], configuration=[0, 1, 1])
    assert confusion.compute(report) == Absent("absent.predictions")
    columns = {
        "row": [1, 2, 3, 4], "text": ["a"] * 4, "causa": ["x", "y", "y", None],
        "causa_predicted": ["x", "x", "y", "y"], "causa_probability": [0.9] * 4,
    }  # fmt: skip
    for row in range(3):
        (tmp_path / str(row)).mkdir()
        RunFolder(tmp_path / str(row)).write_predictions(columns)
    data = confusion.compute(report)
    assert [one.label for one in data.matrices] == ["1", "0"], "one run a configuration"
    assert data.matrices[0].classes == ("x", "y")
    assert data.matrices[0].counts.tolist() == [[1, 0], [1, 1]]
    assert data.unread == ()


HEAD = {"causa": ["x", "y"], "causa_predicted": ["x", "x"], "causa_probability": [0.9, 0.8]}
NO_TEXT = pyarrow.array([b"\xff", b"\xfe"]).view(pyarrow.string())
MANY = [str(number) for number in range(confusion.MAX_CLASSES + 1)]


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
    data = confusion.compute(report)
    assert [one.label for one in data.matrices] == ["1"]
    (reason,) = data.unread
    assert reason.startswith("0 (test_predictions.parquet")
    assert "\n" not in reason
    damage(RunFolder(tmp_path / "1").predictions)
    assert confusion.compute(report).reason == "absent.unread"


def test_a_column_that_stands_twice_is_no_head(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.9, 0.8])
    (tmp_path / "0").mkdir()
    names, columns = [*HEAD, "causa"], [*HEAD.values(), ["y", "y"]]
    _parquet(RunFolder(tmp_path / "0").predictions, names, columns)
    assert confusion.compute(report) == Absent("absent.predictions")


def test_a_matrix_is_coloured_by_share_and_counts_what_is_right() -> None:
    counts = np.array([[3, 1], [0, 0]])
    data = confusion.ConfusionMatrices((confusion.ConfusionMatrix("7", "causa", ("x", "y"), counts),), ())
    (panel,) = confusion.draw_plotly(data, Translator("en"))["panels"]
    assert panel["layout"]["title"]["text"] == "7 · causa: 3 / 4"
    shares = decoded(panel["data"][0]["z"])
    assert shares[:2].tolist() == [0.75, 0.25]
    assert np.isnan(shares[2:]).all(), "a class without rows has no shares"
    assert panel["data"][0]["text"] == [["3", "1"], ["", ""]]
