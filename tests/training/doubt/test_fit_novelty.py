"""Leave-one-out ranges: a training case is compared with the range of all other cases."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from lab.data.series.panel import Cut
from lab.training.doubt.fit_novelty import _ranges_without


def test_the_range_of_a_case_is_that_of_the_others() -> None:
    values = np.array([[1.0], [5.0], [2.0], [3.0], [0.0], [4.0], [np.nan]], np.float32)
    cut = Cut(np.array([1, 3, 6], np.int32), np.array([2, 2, 3], np.int32), np.array([0, 1, 0], np.int16))
    data: Any = SimpleNamespace(series=SimpleNamespace(splits={"train": cut}, panel=SimpleNamespace(values=values)))
    assert _ranges_without(data, 1) == [[(0.0, 4.0)], [(0.0, 5.0)], [(1.0, 5.0)]]
