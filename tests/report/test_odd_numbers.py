"""Whatever numbers a table holds, every figure of the report is drawn or said to be absent, without a warning."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.report.figures.gallery import BUILT_IN
from lab.report.figures.scores import box_plots
from lab.report.text.translate import Translator

UP = float(np.nextafter(np.nextafter(0.1, 1), 1))
SCORES = {
    "two ulps apart": [0.1, UP, 0.1, UP],
    "all equal": [0.5] * 4,
    "all zero": [0.0] * 4,
    "subnormal": [5e-324, 1e-323, 5e-324, 0.0],
    "at the largest": [1e30, -1e30, 1e29, 0.0],
    "one number": [0.5, math.nan, math.nan, math.nan],
    "no number": [math.nan] * 4,
    "far apart": [1e-28, 1.0, 1e28, -1.0],
}
RATES = {
    "plain": [1e-3, 1e-2, 1e-3, 1e-2],
    "subnormal": [5e-324, 1e-3, 5e-324, 1e-2],
    "largest": [1.7e308, 1e-3, -1.7e308, 1e-2],
    "infinite": [math.inf, 1e-3, -math.inf, math.nan],
    "two ulps apart": [0.1, UP, 0.1, UP],
}


PAIRS = [(name, "plain") for name in SCORES] + [("one number", name) for name in RATES if name != "plain"]


@pytest.mark.parametrize(("scored", "searched"), PAIRS)
def test_every_figure_is_drawn(tabled: Callable[..., Any], tmp_path: Path, scored: str, searched: str) -> None:
    scores, rates = SCORES[scored] * 3, RATES[searched] * 3  # enough runs for every figure
    columns = {"optimizer.lr": rates, "model.name": ["a", "b", "b"] * 4, "test/accuracy": scores, "time_s": scores}
    report = tabled(objective=scores, **columns)
    words = Translator("en")
    for figure in BUILT_IN:
        data = figure.compute(report)
        figure.page_entry(data, words)
        for name, drawing in figure.images(data, words):
            drawing.savefig(tmp_path / f"{name}.png", dpi=30)


@pytest.mark.parametrize("values", [[0.1, UP], [UP, 0.1, UP], [5e-324, 1e-323], [1e30, -1e30], [0.3]])
def test_whiskers_never_end_inside_the_box(values: list[float]) -> None:
    box = box_plots.box("a", np.array(values))
    assert box is not None
    assert min(values) <= box.low <= box.q1 <= box.median <= box.q3 <= box.high <= max(values)
