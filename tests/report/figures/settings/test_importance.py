import numpy as np
import pytest

from lab.report.figures.run_figures import plain
from lab.report.figures.settings import importance
from lab.report.text.translate import Translator


def test_the_key_that_decides_is_the_most_important_every_time(some) -> None:
    results = [importance.compute(some(60)) for _ in range(2)]
    assert results[0].keys[0] == "optimizer.lr"
    assert results[0].shares[0] > 0.7
    assert results[0].shares.sum() == pytest.approx(1.0)
    assert results[0].shares.tolist() == results[1].shares.tolist()
    assert importance.compute(some(9)).reason == "absent.importance"


def test_importance_of_a_key_with_dollars() -> None:
    """Between two `$` Matplotlib reads a formula, and this is none."""
    key = "a $ {b $"
    data = importance.Importance((key, "b"), np.array([0.7, 0.3]), 12)
    ((_, figure),) = importance.draw_matplotlib(data, Translator("en"))
    figure.canvas.draw()
    assert figure.axes[0].get_yticklabels()[0].get_text() == plain(key)
