"""The objective of a table of runs: its name without the split, and its sign."""

import pandas as pd
import pytest

from lab.report.findings import Runs


@pytest.mark.parametrize(
    ("metric", "goal", "score", "sign"),
    [("val/f1_macro", "maximize", "f1_macro", 1), ("val/cause/loss", "minimize", "cause/loss", -1),
     ("loss", "minimize", "loss", -1)],
)  # fmt: skip
def test_score_and_sign(metric: str, goal: str, score: str, sign: int) -> None:
    runs = Runs(pd.DataFrame(), (), (), {}, metric, goal)  # type: ignore[arg-type]
    assert (runs.score, runs.sign) == (score, sign)
