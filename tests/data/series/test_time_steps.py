"""Order, steps and resampling of time stamps: what is sorted, what is refused, and with which remedy."""

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.data.series.time_steps import (
    calendar_of,
    equal_steps,
    resampled,
    row_order,
    step_mistakes,
    usual_step,
    whole_seconds,
)

HOUR = np.timedelta64(1, "h")


def moments(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[us]")


def hours(*numbers: float) -> np.ndarray:
    minutes = [round(60 * number) for number in numbers]
    return np.datetime64("2024-01-01", "us") + np.array(minutes, "timedelta64[m]")


def test_rows_in_order_are_left_as_they_are() -> None:
    assert row_order(hours(0, 1, 0, 1), np.array([0, 0, 1, 1]), False, ("a", "b")) is None


def test_rows_of_groups_that_alternate_are_put_together() -> None:
    order = row_order(hours(0, 0, 1, 1), np.array([0, 1, 0, 1]), False, ("a", "b"))
    assert order is not None
    assert order.tolist() == [0, 2, 1, 3]


def test_rows_that_go_back_are_sorted_on_request_and_refused_without() -> None:
    times, groups = hours(0, 2, 1, 0), np.array([0, 0, 0, 1])
    order = row_order(times, groups, True, ("a", "b"))
    assert order is not None
    assert order.tolist() == [0, 2, 1, 3]
    with pytest.raises(RequestError) as caught:
        row_order(times, groups, False, ("a", "b"))
    (mistake,) = caught.value.mistakes
    assert mistake.problem == "goes back in time: group 'a', row 2 (2024-01-01 01:00:00 after 2024-01-01 02:00:00)"
    assert mistake.remedy == "data.sort=true"
    with pytest.raises(RequestError, match=r"their column in data\.group"):
        row_order(hours(1, 0), np.array([0, 0]), False, ("",))


def test_delays_of_a_logger_below_a_second_are_cut_off() -> None:
    late = moments("2024-01-01T00:00:00.2", "2024-01-01T00:00:10.7", "2024-01-01T00:00:20.4")
    assert (
        whole_seconds(late, np.zeros(3, int)).tolist()
        == moments("2024-01-01T00:00:00", "2024-01-01T00:00:10", "2024-01-01T00:00:20").tolist()
    )


def test_times_are_rounded_where_only_this_makes_steps_equal() -> None:
    about = moments("2024-01-01T00:00:00.1", "2024-01-01T00:00:09.9", "2024-01-01T00:00:20.1")
    assert (np.diff(whole_seconds(about, np.zeros(3, int))) == np.timedelta64(10, "s")).all()


def test_steps_below_a_second_and_equal_ones_stay() -> None:
    fast = moments("2024-01-01T00:00:00.0", "2024-01-01T00:00:00.1", "2024-01-01T00:00:00.3")
    equal = moments("2024-01-01T00:00:00.5", "2024-01-01T00:00:02.0", "2024-01-01T00:00:03.5")
    for times in (fast, equal):
        assert whole_seconds(times, np.zeros(3, int)) is times


def test_repeated_and_unequal_steps_are_two_mistakes() -> None:
    times, starts = hours(0, 1, 1, 2, 5, 0, 1), np.array([0, 5, 7])
    repeated, odd = step_mistakes(times, starts, ("a", "b"), True)
    assert "1 time stamps occur twice: group 'a', 2024-01-01 01:00:00 (row 2)" in repeated.problem
    assert odd.problem == "steps are 01:00:00 except 1: group 'a', 03:00:00 before 2024-01-01 05:00:00 (row 4)"
    assert odd.remedy.startswith("data.resample=1h ")
    assert len([*step_mistakes(times, starts, ("a", "b"), False)]) == 1


def test_working_days_are_proposed_as_working_days() -> None:
    days = moments(*(f"2024-01-{day:02}" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 15)))
    (mistake,) = step_mistakes(days, np.array([0, 10]), ("",), True)
    assert "data.resample=1B" in mistake.remedy


def test_the_usual_step_is_the_commonest_forward_step() -> None:
    times, starts = hours(0, 1, 2, 2, 2, 5, 0, 1), np.array([0, 6, 8])
    assert usual_step(times, starts) == HOUR
    assert not equal_steps(times, starts)
    assert equal_steps(hours(0, 1, 2, 0, 1), np.array([0, 3, 5]))
    assert usual_step(hours(0), np.array([0, 1])) == np.timedelta64(0, "us")


def test_a_calendar_step_is_one_that_every_step_is() -> None:
    months = moments("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01")
    assert calendar_of(months, np.array([0, 4])) == "1MS"
    assert calendar_of(hours(0, 1, 2), np.array([0, 3])) == ""


def test_resampling_takes_means_the_last_class_and_leaves_gaps() -> None:
    times = hours(0, 0.5, 2, 0)
    values = np.array([[1.0], [3.0], [np.nan], [7.0]], np.float32)
    codes = np.array([0, 1, 0, 1], np.int16)
    new_times, starts, new, new_codes = resampled(times, np.array([0, 3, 4]), values, codes, "1h")
    assert new_times.tolist() == hours(0, 1, 2, 0).tolist()
    assert starts.tolist() == [0, 3, 4]
    np.testing.assert_array_equal(new[:, 0], np.float32([2, np.nan, np.nan, 7]))
    assert new_codes is not None
    assert new_codes.tolist() == [1, MISSING, 0, 1]


@pytest.mark.parametrize(
    ("step", "problem", "remedy"),
    [
        ("often", "is neither a length of time nor a calendar step", "data.resample=1D, 1h"),
        ("1ms", "makes 86,400,001 steps from 2 rows", "a longer step"),
    ],
)
def test_steps_that_are_refused(step: str, problem: str, remedy: str) -> None:
    with pytest.raises(RequestError) as caught:
        resampled(hours(0, 24), np.array([0, 2]), np.zeros((2, 1), np.float32), None, step)
    (mistake,) = caught.value.mistakes
    assert problem in mistake.problem
    assert mistake.remedy.startswith(remedy)
