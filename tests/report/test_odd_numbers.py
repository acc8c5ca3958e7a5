"""Every figure, on the page and as a file, of numbers that are equal, nearly equal, tiny, missing or far apart."""

import json
from pathlib import Path

import numpy as np
import pytest

from lab.report import figures_files, page_figures
from lab.report.language import Words

ULP = float(np.nextafter(0.6, 1))
NAN = float("nan")
ODD = {
    "an ulp apart": [0.6, ULP, 0.6, ULP],
    "two ulps apart": [0.6, float(np.nextafter(ULP, 1))] * 2,
    "the same": [0.5] * 4,
    "nothing": [0.0] * 4,
    "subnormal": [5e-324, 0.0, 5e-324, 1e-323],
    "tiny": [1e-300, 1.0, 1e-300, 2.0],
    "large": [1e30, -1e30, 1.0, 1e30],
    "one is missing": [NAN, 0.5, 0.6, 0.7],
    "one is known": [NAN, NAN, NAN, 0.5],
    "none is known": [NAN] * 4,
}
COLUMNS = {"objective": [0.5, 0.6, 0.7, 0.8], "model.name": ["a", "a", "b", "b"], "optimizer.lr": [1e-3, 1e-4] * 2}


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
@pytest.mark.parametrize("column", ["objective", "test/f1", "time_s", "optimizer.lr"])
def test_figures_are_drawn_or_absent(tabled, tmp_path: Path, column: str, values: list[float]) -> None:
    report = tabled(**(COLUMNS | {column: values}))
    found, words = page_figures.data(report), Words("en")
    assert json.dumps(page_figures.figures(found, words), allow_nan=False)
    written = figures_files.write(report, found, words)
    assert written or column == "objective"


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
@pytest.mark.parametrize("column", ["objective", "optimizer.lr"])
def test_importance_of_sixteen_runs(tabled, column: str, values: list[float]) -> None:
    columns = {"objective": np.linspace(0.5, 0.6, 16).tolist(), "model.name": ["a", "b"] * 8}
    columns["optimizer.lr"] = np.logspace(-5, -2, 16).tolist()
    found = page_figures.data(tabled(**(columns | {column: values * 4})))
    assert json.dumps(page_figures.figures(found, Words("en")), allow_nan=False)


def test_a_key_that_no_ended_run_has_is_no_dimension(tabled) -> None:
    columns = {"status": ["completed"] * 2 + ["failed"] * 2, "optimizer.lr": [NAN, NAN, 0.1, 0.2]}
    report = tabled(**(COLUMNS | columns))
    found = page_figures.data(report)
    assert [one.name for one in found.parallel.dimensions] == ["model", "objective"]
    assert "parallel" in figures_files.write(report, found, Words("en"))
