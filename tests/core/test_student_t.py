import pytest
import scipy.stats

from lab.core.student_t import t_quantile


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("degrees_of_freedom", [1, 2, 9, 1000])
def test_quantiles_equal_scipys(degrees_of_freedom: int, confidence: float) -> None:
    expected = scipy.stats.t.ppf(0.5 + confidence / 2, degrees_of_freedom)
    assert t_quantile(degrees_of_freedom, confidence) == pytest.approx(expected, rel=1e-12)
