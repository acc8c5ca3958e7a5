import numpy as np
import pytest

from lab.report.figures.base import Absent
from lab.report.figures.settings import objective_by_setting
from lab.report.figures.settings.objective_by_setting import BATCH_SIZE, LEARNING_RATE
from lab.report.text.translate import Translator

RATES = [1e-5, 1e-4, 1e-3, 1e-5, 1e-4, 1e-3]
SCORES = [0.5, 0.8, 0.6, 0.4, 0.7, np.nan]
STATUSES = ["completed", "early_stopped", "terminated", "completed", "completed", "failed"]


def test_medians_by_rate_on_a_logarithmic_axis(tabled) -> None:
    data = LEARNING_RATE.compute(tabled(objective=SCORES, status=STATUSES, **{"optimizer.lr": RATES}))
    assert data.centres.tolist() == [1e-5, 1e-4, 1e-3]
    assert data.medians.tolist() == pytest.approx([0.45, 0.75, 0.6])
    assert data.log
    assert not BATCH_SIZE.compute(tabled(objective=SCORES[:2], **{"data.batch_size": [16, 32]})).log


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({}, "absent.not_varied"),
        ({"optimizer.lr": [1e-3, 1e-3, 1e-3]}, "absent.not_varied"),
        ({"optimizer.lr": [1e-3, "auto", 1e-3]}, "absent.no_number"),
        ({"optimizer.lr": [1e-3, 1e-3, 1e-4], "status": ["completed", "completed", "failed"]}, "absent.not_varied"),
    ],
)
def test_a_rate_that_cannot_be_drawn_says_why(tabled, columns, reason: str) -> None:
    data = LEARNING_RATE.compute(tabled(objective=[0.5, 0.6, 0.7], **columns))
    assert data == Absent(reason, {"key": "optimizer.lr"})


def test_a_logarithmic_axis_has_ticks_at_the_values(tabled) -> None:
    rates = [1e-5, 1e-4, 1e-3]
    data = LEARNING_RATE.compute(tabled(objective=[0.5, 0.6, 0.7], **{"optimizer.lr": rates}))
    ((_, figure),) = objective_by_setting.draw_matplotlib(data, Translator("en"))
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xticks().tolist() == rates
