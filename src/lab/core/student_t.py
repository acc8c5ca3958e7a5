"""Quantiles of Student's t distribution, for every confidence interval of a mean, and the ends that a score has.

By scipy.special, which imports in a fraction of the time of scipy.stats and gives the same digits. An interval of a
score is clipped to the score's range: the mean cannot be outside, so that costs no coverage. A logit interval would
move the mean out of its middle, also where no end is clipped.
"""

import math
from functools import cache

from scipy import special


@cache
def t_quantile(degrees_of_freedom: int, confidence: float) -> float:
    """Return t such that `confidence` (0 to 1) of the distribution lies between -t and t."""
    return float(special.stdtrit(degrees_of_freedom, 0.5 + confidence / 2))


SHARES = ("accuracy", "precision", "recall", "f1", "auc", "em", "auroc")
"""Scores from 0 to 1, by the first word of their name or its last: `f1_macro`, `balanced_accuracy`."""


def score_range(name: str) -> tuple[float, float]:
    """Return the least and the largest value of a metric, by its name; infinite where it is not known.

    >>> score_range("val/causa/f1_macro"), score_range("test/mcc"), score_range("val/loss")
    ((0.0, 1.0), (-1.0, 1.0), (-inf, inf))
    """
    words = name.rpartition("/")[2].split("_")
    if words == ["mcc"]:
        return -1.0, 1.0
    return (0.0, 1.0) if words[0] in SHARES or words[-1] in SHARES else (-math.inf, math.inf)
