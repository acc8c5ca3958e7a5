"""Quantiles of Student's t distribution, for every confidence interval of a mean.

By scipy.special, which imports in a fraction of the time of scipy.stats and gives the same digits.
"""

from functools import cache

from scipy import special


@cache
def t_quantile(degrees_of_freedom: int, confidence: float) -> float:
    """Return t such that `confidence` (0 to 1) of the distribution lies between -t and t."""
    return float(special.stdtrit(degrees_of_freedom, 0.5 + confidence / 2))
