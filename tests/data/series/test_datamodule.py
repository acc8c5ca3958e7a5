"""Windows become batches: gathered, padded on the left, gaps filled; loaders continue an interrupted epoch."""

from itertools import islice

import numpy as np
import pytest
import torch

from lab.core.batches import HeadSpec
from lab.data.batch_sampler import Draw
from lab.data.series.datamodule import SeriesRows
from lab.data.series.missing_values import Interpolation
from lab.data.series.panel import Cut

HEAD = HeadSpec("rain", ("no", "yes"), (2, 2))
VALUES = np.arange(20, dtype=np.float32).reshape(10, 2)
CUT = Cut(np.array([2, 5, 9], np.int32), np.array([3, 2, 4], np.int32), np.array([0, 1, 1], np.int16))


def draw(*rows: int) -> Draw:
    return Draw(np.array(rows), np.array([0, 1, 2]))


def test_shorter_rows_are_padded_on_the_left() -> None:
    batch = SeriesRows(VALUES, CUT, HEAD)[draw(2, 1)]
    assert batch.values.shape == (2, 4, 2)
    assert batch.values[0].tolist() == VALUES[6:10].tolist()
    assert batch.values[1].tolist() == [[0, 0], [0, 0], *VALUES[4:6].tolist()]
    assert batch.observed[1].tolist() == [[False] * 2] * 2 + [[True] * 2] * 2
    assert batch.labels["rain"].tolist() == [1, 1]
    assert batch.window_counts["rain"].tolist() == [1, 2], "of the whole accumulation window"
    assert batch.rows.tolist() == [2, 1]
    assert len(batch) == 2


def test_gaps_are_unobserved_or_filled_or_flagged() -> None:
    values = VALUES.copy()
    values[7, 0] = np.nan
    settings = ((None, 0), (Interpolation(values, np.array([0, 10])), 0), (None, 1))
    plain, filled, flagged = (SeriesRows(values, CUT, HEAD, *gaps)[draw(2, 1)] for gaps in settings)
    assert not any(batch.whole for batch in (plain, filled, flagged)), "of two windows the shorter is padded"
    alone = SeriesRows(values, CUT, HEAD, *settings[1])[draw(2)]
    assert alone.whole, "every gap is filled"
    assert alone.to(torch.device("cpu")).whole
    assert not SeriesRows(values, CUT, HEAD)[draw(2)].whole
    assert plain.values[0, :, 0].tolist() == [12, 0, 16, 18]
    assert plain.observed[0, :, 0].tolist() == [True, False, True, True]
    assert filled.values[0, :, 0].tolist() == [12, 14, 16, 18]
    assert filled.observed[0].all()
    assert not filled.observed[1, :2].any(), "padding is no observation"
    assert filled.values[1, :2].abs().sum() == 0
    assert flagged.values.shape == (2, 4, 3)
    assert flagged.values[0, :, 2].tolist() == [0, 1, 0, 0]
    assert flagged.values[1, :, 2].tolist() == [0, 0, 0, 0]
    assert flagged.observed[..., 2].tolist() == [[True] * 4, [False, False, True, True]]


def test_values_are_gathered_on_demand_and_never_changed() -> None:
    values = VALUES.copy()
    values[7, 0] = np.nan
    rows = SeriesRows(values, CUT, HEAD, Interpolation(values, np.array([0, 10])))
    assert np.shares_memory(rows.values, values)
    rows[draw(0, 1, 2)]
    assert np.isnan(values[7, 0])
    assert np.array_equal(np.delete(values, 7, 0), np.delete(VALUES, 7, 0))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_cut_epoch_goes_on_where_it_stopped(workers: int) -> None:
    from lab.data.batch_sampler import TrainDraws
    from lab.data.dataloader import Loader

    ends = np.arange(3, 10, dtype=np.int32)
    cut = Cut(ends, np.full(7, 3, np.int32), np.array([0, 1, 0, 1, 0, 1, 1], np.int16))
    rows = SeriesRows(VALUES, cut, HEAD)

    def loader() -> Loader:
        made = Loader(rows, TrainDraws(cut.lengths, 2, lambda _: 1, seed=3), workers, False, False)
        made.draws.set_epoch(1)  # type: ignore[union-attr]
        return made

    straight = [batch.rows.tolist() for batch in loader()]
    first = loader()
    seen = [batch.rows.tolist() for batch in islice(first, 2)]
    again = loader()
    again.load_state_dict(first.state_dict())
    rest = list(again)
    assert seen + [batch.rows.tolist() for batch in rest] == straight
    assert all(torch.isfinite(batch.values).all() for batch in rest)
