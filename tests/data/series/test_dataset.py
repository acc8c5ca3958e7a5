"""A set of series: scaled by what training rows say, capped, with classes in every split, and a fingerprint."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.data.series.datamodule import SeriesRows
from lab.data.series.dataset import _windowed, apply_scaling, load, scaling_of
from lab.data.series.missing_values import Interpolation
from lab.data.series.panel import Panel
from lab.data.series.rainfall import generate

CONF = Path(__file__).parents[3] / "conf"
SMALL = ["data=rainfall", "model=inception_time", "data.hours=1500", "data.stations=2", "data.window=48"]


def rainfall(*typed: str) -> Any:
    with initialize_config_dir(str(CONF)):
        return load(check(compose("config", [*SMALL, *typed])).data)


def test_same_request_same_set() -> None:
    one, again = rainfall(), rainfall()
    assert one.fingerprint == again.fingerprint
    others = [
        "data.generator_seed=1",
        "data.window=49",
        "data.missing_values=mask",
        "data.label.horizon=4",
        "data.scale=none",
    ]
    assert len({one.fingerprint, *(rainfall(other).fingerprint for other in others)}) == 6


def test_facts_count_what_there_is() -> None:
    result = rainfall()
    assert result.facts["rows"] == {name: len(cut) for name, cut in result.splits.items()}
    assert result.facts["table_rows"] == 3000
    assert result.facts["missing"]["rain"] > 0  # type: ignore[index]
    assert sum(result.head.counts) == len(result.splits["train"])
    assert result.head.classes == ("< 0.1", ">= 0.1")
    assert any("missing values: rain" in note for note in result.notes)


def test_scales_are_those_of_training_rows() -> None:
    values = np.array([[1, 5], [3, 5], [np.nan, 5], [100, 6]], np.float32)
    panel = Panel(("a", "b"), values, ("",), np.array([0, 4]), np.zeros(1, "datetime64[s]"), np.timedelta64(1, "s"))
    apply_scaling(panel, scaling_of(panel, [slice(0, 3)]))
    assert panel.values[:, 0].tolist()[:2] == [-1, 1]
    assert panel.values[3, 0] == 98
    assert panel.values[:, 1].tolist() == [0, 0, 0, 1], "no spread in training: the unit stays"


def test_later_rows_do_not_move_earlier_ones() -> None:
    """Scaling, filling and windows of training rows are the same whatever comes after them."""
    short = rainfall("data.split.val_from=2018-01-20", "data.split.test_from=2018-02-10")
    longer = rainfall("data.split.val_from=2018-01-20", "data.split.test_from=2018-02-20")
    ends = short.splits["train"].ends
    assert np.array_equal(ends, longer.splits["train"].ends)
    assert np.array_equal(short.panel.values[ends], longer.panel.values[ends], equal_nan=True)


def test_mask_adds_a_channel_a_column_and_the_calendar_none() -> None:
    result = rainfall("data.missing_values=mask", "data.calendar=[day,year]")
    assert len(result.channels) == 5 + 1 + 4 + 5
    season = ("day sine", "day cosine", "year sine", "year cosine")
    assert result.channels[5:11] == ("rain >= 0.1", *season, "rain missing")
    hours = result.panel.values[:24, 6:8]
    assert hours[6].tolist() == pytest.approx([1, 0], abs=1e-6)


@pytest.mark.parametrize("gaps", ["interpolate", "ffill", "mask", "drop"])
def test_a_value_after_a_window_changes_nothing_in_it(gaps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Least of all the past labels: the class of a later row is what is to be predicted."""
    from lab.data.series import rainfall as module

    typed = f"data.missing_values={gaps}", "data.gap_share=0.01", "data.scale=none"
    first, generate = rainfall(*typed), module.generate
    for split, later in (("train", 1), ("val", 3)):
        end = int(first.splits[split].ends[40])
        before = _windows_up_to(first, split, end)

        def changed(*given: Any, row: int = end + later) -> Panel:
            panel = generate(*given)
            place = panel.columns.index("rain")
            panel.values[row, place] = 0.0 if panel.values[row, place] >= 0.1 else 9.0
            return panel

        monkeypatch.setattr(module, "generate", changed)
        other = rainfall(*typed)
        monkeypatch.setattr(module, "generate", generate)
        assert not np.array_equal(first.panel.values, other.panel.values, equal_nan=True)
        for own, found in zip(before, _windows_up_to(other, split, end), strict=True):
            np.testing.assert_array_equal(own, found)
    place = first.channels.index("rain >= 0.1")
    assert set(np.unique(before[0][..., place])) >= {0.0, 1.0}


def _windows_up_to(series: Any, split: str, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and mask of the windows of a split, inside one station, whose newest sample is at most row `end`."""
    gaps = series.missing_values
    values, cut = series.panel.values, series.splits[split]
    line = Interpolation(values, series.panel.starts) if gaps == "interpolate" else None
    rows = SeriesRows(values, cut, series.head, line, series.num_measured if gaps == "mask" else 0)
    return rows.arrays(np.flatnonzero((cut.ends <= end) & (cut.ends > end - 100)))


def test_caps_draw_windows_of_both_classes() -> None:
    result = rainfall("data.max_rows.train=20", "data.max_rows.val=7")
    assert [len(result.splits[name]) for name in ("train", "val")] == [20, 7]
    assert set(result.splits["train"].labels) == {0, 1}
    other = rainfall("data.max_rows.train=20", "data.max_rows.val=7", "data.split.seed=1")
    assert result.splits["train"].ends.tolist() != other.splits["train"].ends.tolist()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["data.label.threshold=1000"], ["train has only one class, '< 1000'", "val has only", "test has only"]),
        (["data.window=1499"], ["data.window=1499", "E01 (1500 rows)"]),
    ],
)
def test_what_cannot_be_learned_is_refused(typed: list[str], words: list[str]) -> None:
    with pytest.raises(RequestError) as error:
        rainfall(*typed)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_no_logarithm_is_taken_below_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.data.series import rainfall as module

    def frost(*given: Any) -> Panel:
        panel = generate(*given)
        panel.values[:, panel.columns.index("temperature")] -= 40
        return panel

    generate = module.generate
    monkeypatch.setattr(module, "generate", frost)
    with pytest.raises(RequestError, match=r"data\.log1p.*'temperature' has values below 0"):
        rainfall("data.log1p=[rain,temperature]")


def test_a_column_in_small_units_is_scaled_like_any_other() -> None:
    result = rainfall("data.scale=none").panel
    result.values[:, 1] = np.random.default_rng(0).normal(3e-8, 1e-8, len(result.values))
    apply_scaling(result, scaling_of(result, [slice(0, 1000)]))
    assert np.std(result.values[:1000, 1]) == pytest.approx(1.0, abs=1e-3)


def test_validation_cases_between_training_cases_do_not_scale() -> None:
    pytest.importorskip("aeon")
    with initialize_config_dir(str(CONF)):
        result = load(
            check(
                compose("config", ["data=ucr", "data.name=GunPoint", "model=inception_time", "data.scale=standard"])
            ).data
        )
    train = result.splits["train"]
    rows = np.concatenate(
        [np.arange(end - length + 1, end + 1) for end, length in zip(train.ends, train.lengths, strict=True)]
    )
    assert result.panel.values[rows, 0].mean() == pytest.approx(0.0, abs=1e-4)
    assert result.panel.values[rows, 0].std() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("data.label.feature=rian", ["data.label.feature=rian: no column of this name", "data.label.feature=rain"]),
        ("data.log1p=[rain,presure]", ["data.log1p=presure: no column of this name", "data.log1p=[pressure]"]),
        ("data.log1p=[rain,rain]", ["data.log1p=['rain', 'rain']: names rain more than once", "data.log1p=[rain]"]),
    ],
)
def test_a_setting_that_names_no_column_is_refused(typed: str, words: list[str]) -> None:
    with pytest.raises(RequestError) as error:
        rainfall(typed)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_one_class_will_do_where_classes_are_not_looked_at() -> None:
    with initialize_config_dir(str(CONF)):
        data = check(compose("config", [*SMALL, "data.label.threshold=1000"])).data
    result = load(data, labelled=False)  # type: ignore[arg-type]
    assert result.head.num_classes == 1
    assert result.facts["horizon"] == 0


def test_rows_without_a_label_are_pretrained_on() -> None:
    """Where few rows have a label, the others are what pretraining is for."""
    with initialize_config_dir(str(CONF)):
        data = check(compose("config", SMALL)).data
    panel = generate(2, 600, 0.0, 1)
    panel.codes, panel.classes = np.full(len(panel.values), MISSING, np.int16), ("dry", "wet")
    panel.codes[::40] = 0
    table = data.model_copy(update={"label": "kind", "missing_values": "ffill"})
    every = _windowed("a", table, panel, labelled=False)  # type: ignore[arg-type]
    assert every.facts["left_out"]["no_label"] == 0  # type: ignore[index]
    assert len(every.splits["train"]) > 100


def test_a_copy_of_the_label_is_refused_and_a_column_that_decides_it_is_noted(tmp_path: Path) -> None:
    table = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=400), "rain": np.random.default_rng(0).random(400)})
    table["wind"] = np.random.default_rng(1).random(400)
    table["risk"] = np.where(table["rain"] > 0.6, "high", "low")
    table["alarm"] = (table["risk"] == "high") * 5
    table.to_csv(tmp_path / "a.csv", index=False)
    typed = ["data=series_table", f"data.path={tmp_path}/a.csv", "data.time=t", "data.label=risk", "data.window=8",
             "model=inception_time"]  # fmt: skip
    with initialize_config_dir(str(CONF)):
        requested, mended = (
            check(compose("config", [*typed, *more])).data for more in ([], ["data.features=[rain,wind]"])
        )
    with pytest.raises(RequestError, match=r"alarm: a copy of the label 'risk'") as error:
        load(requested)
    assert "'data.features=[rain,wind]'" in str(error.value)
    assert any("rain alone decides 'risk' in every row" in note for note in load(mended).notes)
