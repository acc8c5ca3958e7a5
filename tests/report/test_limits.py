"""Values that no statistic or figure can count with: named, counted as not known, and never a warning of NumPy's."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.report.build import build
from lab.report.limits import LARGEST, limited, within
from lab.report.reading import Read
from lab.report.table import Sentence

from .conftest import MakeRun


def test_numbers_out_of_range_are_nan() -> None:
    values = np.array([0.0, -LARGEST, 1e31, np.inf, -np.inf, np.nan, 5e-324])
    assert within(values).tolist()[:2] == [0.0, -LARGEST]
    assert np.isnan(within(values)).tolist() == [False, False, True, True, True, True, False]


def test_a_run_says_which_of_its_values_are_out_of_range() -> None:
    values = {"seed": 10**40, "objective": math.inf, "test/f1": 0.5, "parameters_total": 10**400, "time_s": math.nan}
    history = {"epoch": np.arange(2.0), "val/loss": np.array([0.5, 1e308]), "val/f1": np.array([np.nan, 0.5])}
    read, warnings = limited(Read("a", values, {"optimizer.lr": math.inf}, history))
    assert (read.values["seed"], read.values["test/f1"], read.config) == (10**40, 0.5, {"optimizer.lr": math.inf})
    assert all(math.isnan(read.values[name]) for name in ("objective", "parameters_total", "time_s"))
    assert read.history["val/loss"].tolist()[0] == 0.5
    names = "objective, parameters_total, val/loss (history)"
    assert warnings == [Sentence("out_of_range", {"path": "a", "names": names, "largest": LARGEST})]
    assert limited(read) == (read, [])


@pytest.mark.parametrize("odd", ["1e308", "-1e308", "2e30"])
def test_a_report_over_such_runs_is_whole(make_run: MakeRun, tmp_path: Path, ask: Callable, odd: str) -> None:
    for number, (model, rate) in enumerate([("a", 1e-3), ("a", 1e-4), ("b", 1e308), ("b", 1.0)]):
        config = {"model.name": model, "optimizer.lr": rate}
        run = make_run(f"runs/{number}", (0.3, 0.5 + number / 100, 0.1), config=config, test=0.125)
        if number == 2:
            for path in (run.path / "run.json", run.path / "history.jsonl"):
                path.write_text(path.read_text().replace(": 0.125", f": {odd}").replace(": 0.1,", f": {odd},"))
    report = build(ask(runs=[str(tmp_path / "runs")], output=str(tmp_path / "report")), "python report.py")
    assert pd.read_csv(tmp_path / "report" / "runs.csv")["test/f1_macro"].isna().tolist() == [False, False, True, False]
    (warning,) = (one for one in report.runs.warnings if one.key == "out_of_range")
    assert warning.values["names"] == "test/f1_macro, val/f1_macro (history)"
    assert (tmp_path / "report" / "index.html").is_file()
