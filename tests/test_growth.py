"""The judge of leaks sees a leak, and takes neither a peak nor the start for one."""

import pytest

from .growth import Growth, Sample, growth


def test_steady_growth_is_seen() -> None:
    samples = [Sample(done, 1000 + 5 * done, 10 + done // 2) for done in range(100)]
    assert growth(samples, 100) == Growth(pytest.approx(5), pytest.approx(0.5, abs=0.02))


def test_peaks_and_the_start_are_no_growth() -> None:
    samples = [Sample(done, 1000 + (5000 if done % 10 == 0 else 0), 10) for done in range(100)]
    started = [Sample(done, 50 * done, done) for done in range(20)]
    assert growth([*started, *samples], 100) == Growth(0.0, 0.0)


def test_work_that_was_not_seen_is_not_judged() -> None:
    with pytest.raises(AssertionError, match="1 stages"):
        growth([Sample(50, 1000, 10)] * 9, 100)
