"""Windows stay inside their group and their split; the purge leaves no sample and no label in two of them."""

from typing import Any

import numpy as np
import pytest

from lab.config.schema import Ahead, Rows, TimeSplit, Windowed
from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.data.series.panel import Panel
from lab.data.series.windows import cut, has_past_labels, moments, rule_codes, with_past_labels

RULE = Ahead(feature="rain", horizon=2, threshold=1.0)
HOUR = np.timedelta64(3600, "s")


def config(**changes: Any) -> Windowed:
    split = {"val": 0.2, "test": 0.2, "val_from": None, "test_from": None, "purge": "auto", "seed": 0}
    split |= {"train_on_val": False} | changes.pop("split", {})
    return Windowed(
        metric="val/f1_macro", batch_size=4, eval_batch_size=4, num_workers=0, pin_memory=False,
        persistent_workers=False, scale="none", max_rows=Rows(train=None, val=None, test=None),
        **{"window": 5, "stride": 1, "label": RULE, "missing_values": "mask", "calendar": (), "log1p": ()} | changes,
        split=TimeSplit(**split),
    )  # fmt: skip


def panel(lengths: tuple[int, ...] = (60, 40)) -> Panel:
    """Two groups whose clocks differ: the second begins 20 hours later."""
    rain = np.random.default_rng(0).exponential(1.0, sum(lengths)).astype(np.float32)
    values = np.stack([rain, np.arange(sum(lengths), dtype=np.float32)], 1)
    first = np.datetime64("2020-01-01", "s") + np.array([20 * number for number in range(len(lengths))]) * HOUR
    names = tuple(f"E{number}" for number in range(len(lengths)))
    return Panel(("rain", "wind"), values, names, np.cumsum((0, *lengths)), first, HOUR)


def test_a_rule_looks_ahead_inside_a_group_only() -> None:
    rows = panel((6, 4))
    rows.values[:, 0] = [0, 2, 0, np.nan, 2, 0, 2, 2, 0, 0]
    ahead, now = rule_codes(rows, RULE)
    assert now.tolist() == [0, 1, 0, MISSING, 1, 0, 1, 1, 0, 0]
    assert ahead.tolist() == [0, MISSING, 1, 0, MISSING, MISSING, 0, 0, MISSING, MISSING]


def test_past_labels_are_the_classes_of_the_rows_themselves() -> None:
    rows = panel((6, 4))
    rows.values[:, 0] = [0, 2, 0, np.nan, 2, 0, np.nan, 2, 0, 0]
    _, now = rule_codes(rows, RULE)
    added = with_past_labels(rows, now, config())
    assert added.columns == ("rain", "wind", "rain >= 1")
    nan = np.nan
    np.testing.assert_array_equal(added.values[:, 2], [0, 1, 0, nan, 1, 0, nan, 1, 0, 0])
    np.testing.assert_array_equal(added.values[:, :2], rows.values)
    filled = with_past_labels(rows, now, config(missing_values="ffill")).values[:, 2]
    np.testing.assert_array_equal(filled, [0, 1, 0, 0, 1, 0, nan, 1, 0, 0], "nothing comes from another group")


def test_past_labels_need_a_rule_and_old_runs_have_none() -> None:
    assert not has_past_labels(config())
    assert has_past_labels(config(past_labels="auto"))
    assert has_past_labels(config(past_labels=True))
    assert not has_past_labels(config(past_labels="auto", label="wet"))
    assert not has_past_labels(config(past_labels=False))


@pytest.mark.parametrize("purge", ["auto", 7, 9])
@pytest.mark.parametrize("stride", [1, 3])
def test_no_window_leaves_its_group_or_its_side_of_the_split(purge: Any, stride: int) -> None:
    rows, requested = panel(), config(stride=stride, split={"purge": purge})
    labels, now = rule_codes(rows, RULE)
    result = cut(rows, requested, labels, now, 2)
    val_from, test_from = moments(rows, requested)
    gap = 7 if purge == "auto" else purge
    bounds = {"train": (None, val_from), "val": (val_from, test_from), "test": (test_from, None)}
    for split, windows in result.splits.items():
        assert len(windows)
        assert (rows.group_of(windows.ends) == rows.group_of(windows.ends - 4)).all()
        assert (rows.group_of(windows.ends) == rows.group_of(windows.ends + 2)).all()
        assert windows.labels.tolist() == (rows.values[windows.ends + 2, 0] >= 1.0).astype(int).tolist()
        assert windows.current_labels is not None
        assert windows.current_labels.tolist() == (rows.values[windows.ends, 0] >= 1.0).astype(int).tolist()
        low, high = bounds[split]
        times = rows.times(windows.ends)
        assert low is None or (times >= low).all()
        assert high is None or (times + gap * HOUR <= high + HOUR).all()
    for one, other in (("train", "val"), ("val", "test")):
        for group in range(2):
            here, there = (result.splits[name].ends for name in (one, other))
            here, there = here[rows.group_of(here) == group], there[rows.group_of(there) == group]
            if len(here) and len(there):
                assert there.min() - here.max() >= gap >= requested.window + 2
    whole = sum(len(windows) for windows in result.splits.values()) + sum(result.counts.values())
    if stride == 1:
        assert whole == sum(length - 4 for length in (60, 40))


def test_the_rows_tested_are_the_same_for_every_window() -> None:
    rows = panel()
    labels, now = rule_codes(rows, RULE)
    tested = [cut(rows, config(window=window), labels, now, 2).splits["test"].ends.tolist() for window in (3, 8)]
    assert tested[0] == tested[1]


def test_drop_leaves_out_windows_with_a_gap() -> None:
    rows = panel()
    rows.values[10, 1] = np.nan
    labels, now = rule_codes(rows, RULE)
    every, whole = (cut(rows, config(missing_values=gaps), labels, now, 2) for gaps in ("mask", "drop"))
    lost = set(every.splits["train"].ends.tolist()) - set(whole.splits["train"].ends.tolist())
    assert lost == {10, 11, 12, 13, 14}
    assert whole.counts["gaps"] == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": 39}, ["data.window=39", "E1 (40 rows)"]),
        ({"split": {"purge": 3}}, ["data.split.purge=3", "7 steps"]),
        ({"split": {"val_from": "1999-01-01", "test_from": "2020-01-03"}}, ["data.split.val_from", "outside"]),
        ({"split": {"val_from": "2020-01-02", "test_from": "next week"}}, ["data.split.test_from", "ISO 8601"]),
        ({"window": 20}, ["leaves val without a window"]),
    ],
)
def test_splits_that_cannot_be_cut_are_refused(changes: dict[str, Any], words: list[str]) -> None:
    rows = panel()
    labels, now = rule_codes(rows, RULE)
    with pytest.raises(RequestError) as error:
        cut(rows, config(**changes), labels, now, 2)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_what_filling_leaves_is_named_with_column_group_and_rows() -> None:
    rows = panel()
    rows.values[60:64, 1] = np.nan
    labels, now = rule_codes(rows, RULE)
    with pytest.raises(RequestError, match=r"column 'wind', group 'E1': no value before rows 60 to 63"):
        cut(rows, config(missing_values="ffill"), labels, now, 2)
    rows.values[64, 1] = np.nan
    with pytest.raises(RequestError, match=r"column 'wind', group 'E1': no value in the window of rows 60 to 64"):
        cut(rows, config(missing_values="interpolate"), labels, now, 2)
