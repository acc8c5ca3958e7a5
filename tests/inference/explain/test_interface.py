"""The completeness error of attributions."""

import pytest

from lab.inference.explain.interface import Explanation, completeness_error


@pytest.mark.parametrize(("total", "difference", "error"), [(2.02, 2.0, 0.01), (-0.9, -1.0, 0.1), (1e-5, 0.0, 0.01)])
def test_the_error_is_relative_to_the_difference(total: float, difference: float, error: float) -> None:
    assert completeness_error(total, difference) == pytest.approx(error)


@pytest.mark.parametrize(("error", "complete"), [(None, True), (0.01, True), (0.011, False)])
def test_an_explanation_is_complete_within_one_percent(error: float | None, complete: bool) -> None:
    assert Explanation("cause", "leak", (), error).is_complete is complete
