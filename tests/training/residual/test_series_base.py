"""The folds of the out-of-fold logits of series: stretches of time that all groups share."""

import numpy as np

from lab.training.residual.series_base import stretches


def test_the_same_moment_of_all_stations_is_in_one_fold() -> None:
    hours = np.datetime64("2020-01-01", "us") + np.arange(100) * np.timedelta64(1, "h")
    one = stretches(hours)
    assert one.tolist() == [hour // 20 for hour in range(100)]
    stations = stretches(np.concatenate([hours, hours[40:], hours[:10]]))
    assert stations.tolist() == [*one, *one[40:], *one[:10]]
    assert stretches(hours[:3]).tolist() == [0, 1, 3]
