"""Times, groups and rows of a panel, which are counted and not kept."""

import numpy as np

from lab.data.series.panel import Cut, Panel, concatenated, sharing_steps, time_blocks

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


def _blocks(num: int, length: int, gap: int = 0) -> list[int]:
    """Of windows at every step of two groups; the second one begins `gap` steps later."""
    first = FIRST[:1].repeat(2) + np.array([0, gap]) * DAY
    panel = Panel(("a",), np.zeros((2 * num, 1), np.float32), ("x", "y"), np.array([0, num, 2 * num]), first, DAY)
    ends = np.arange(2 * num, dtype=np.int32)
    return time_blocks(panel, Cut(ends, np.full(2 * num, length, np.int32), np.zeros(2 * num, np.int16))).tolist()


def test_blocks_of_time_are_as_long_as_windows_and_shared_by_groups() -> None:
    blocks = _blocks(1000, 24)
    assert blocks[:1000] == [step // 24 for step in range(1000)] == blocks[1000:]
    assert _blocks(1000, 24, gap=24)[1000:1002] == [1, 1]


def test_there_are_blocks_enough_of_long_windows_and_none_is_shorter_than_the_cube_root() -> None:
    assert max(_blocks(1000, 700)) + 1 == 20
    assert _blocks(1000, 1)[:11] == [0] * 10 + [1]
    assert _blocks(3, 2)[:3] == [0, 1, 2]
    empty = Panel(("a",), np.zeros((0, 1), np.float32), (), np.array([0]), FIRST[:0], DAY)
    assert not len(time_blocks(empty, Cut(*(np.zeros(0, kind) for kind in (np.int32, np.int32, np.int16)))))


def test_windows_share_steps_with_a_stretch_if_their_inputs_or_labels_do() -> None:
    """Two stations, the second begins 10 hours later: moments count, not rows."""
    hour = np.timedelta64(1, "h")
    first = np.array([np.datetime64("2020-01-01", "us"), np.datetime64("2020-01-01T10", "us")])
    values = np.zeros((100, 1), np.float32)
    panel = Panel(("rain",), values, ("a", "b"), np.array([0, 50, 100]), first, hour)
    ends = np.concatenate([np.arange(3, 48), np.arange(53, 98)]).astype(np.int32)
    cut = Cut(ends, np.full(90, 4, np.int32), np.zeros(90, np.int16))
    moment = (panel.times(ends) - first[0]) // hour
    held = (moment >= 20) & (moment < 25)
    for more in (0, 3):  # of a window of 4 steps, whose label is 2 steps later: 6 steps apart is far enough
        expected = (moment > 20 - 6 - more) & (moment < 25 + 5 + more)
        assert (sharing_steps(panel, cut, 2, held, more) == expected).all()
    unequal = Panel(("rain",), values[:50], ("a",), np.array([0, 50]), first[:1], hour,
                    row_times=first[0] + np.cumsum(np.where(np.arange(50) == 30, 100, 1)) * hour)  # fmt: skip
    alone = Cut(ends[:45], cut.lengths[:45], cut.labels[:45])
    after = alone.ends == 34  # its inputs begin after the hole of 100 hours at row 30, its label is in row 36
    assert alone.ends[sharing_steps(unequal, alone, 2, after)].tolist() == list(range(29, 40))
