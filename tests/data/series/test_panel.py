"""Times, groups and rows of a panel, which are counted and not kept."""

import numpy as np

from lab.data.series.panel import Cut, Panel, concatenated

DAY = np.timedelta64(86_400, "s")
FIRST = np.array(["2020-01-01", "2020-01-05"], "datetime64[s]")
PANEL = Panel(("a",), np.zeros((10, 1), np.float32), ("x", "y"), np.array([0, 6, 10]), FIRST, DAY)


def test_times_follow_from_each_groups_first() -> None:
    rows = np.array([0, 5, 6, 9])
    assert PANEL.group_of(rows).tolist() == [0, 0, 1, 1]
    assert PANEL.times(rows).astype(str).tolist() == [f"2020-01-0{day}T00:00:00" for day in (1, 6, 5, 8)]
    assert [str(moment)[:10] for moment in PANEL.span()] == ["2020-01-01", "2020-01-08"]


def test_the_first_row_from_a_moment_on() -> None:
    def row(group: int, moment: str) -> int:
        return PANEL.row_from(group, np.datetime64(moment, "s"))

    assert [row(0, "2019-01-01"), row(0, "2020-01-03"), row(0, "2020-01-03T00:00:01"), row(0, "2021-01-01")] == [
        0,
        2,
        3,
        6,
    ]
    assert [row(1, "2020-01-05"), row(1, "2020-01-06")] == [6, 7]


def test_two_splits_become_one_in_the_order_of_time() -> None:
    def cut(ends: list[int]) -> Cut:
        numbers = np.array(ends)
        return Cut(numbers.astype(np.int32), np.ones(len(ends), np.int32), numbers.astype(np.int16))

    both = concatenated(cut([3, 9]), cut([4, 1]))
    assert both.ends.tolist() == both.labels.tolist() == [1, 3, 4, 9]
    assert both.at(np.array([0, 2])).ends.tolist() == [1, 4]
