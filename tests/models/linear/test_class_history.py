"""Shares and spells of past classes, from the newest back; classes that were not observed count for nothing."""

import math

import pytest
import torch

from lab.models.linear.class_history import class_history, spans_of, width_of


def history(*classes: float) -> list[float]:
    """Of one window; a class below 0 was not observed."""
    values = torch.tensor([classes])
    (found,) = class_history(values, values >= 0).tolist()
    assert len(found) == width_of(len(classes))
    return list(found)


def test_shares_are_of_the_newest_steps() -> None:
    assert history(1, 0, 0, 1)[:2] == pytest.approx([1 / 3, 2 / 4])
    assert history(*[1] * 6, *[0] * 24)[:5] == pytest.approx([1, 1, 6 / 12, 6 / 24, 6 / 30])
    assert history(1, 0, 0, 1)[2:4] == history(1, 0, 0, 1)[:2]  # times the newest class, 1
    assert history(0, 1, 1, 1)[:4] == pytest.approx([2 / 3, 3 / 4, 0, 0])
    assert spans_of(24) == (3, 6, 12, 24)
    assert spans_of(2) == (2,)


def test_steps_that_the_newest_class_has_lasted_are_apart_by_class() -> None:
    assert history(1, 1, 0, 1)[-2:] == pytest.approx([math.log(3), 0])
    assert history(0, 0, 0, 1)[-2:] == pytest.approx([0, math.log(4)])
    assert history(1, 1, 1, 1)[-2:] == pytest.approx([math.log(5), 0])
    assert history(0.6, 0.9, 0.4, 1)[-2:] == pytest.approx([math.log(3), 0])


def test_classes_that_were_not_observed_are_in_no_share_and_end_a_spell() -> None:
    assert history(1, -1, 1, 0) == pytest.approx([1, 2 / 3, 1, 2 / 3, math.log(2), 0])
    assert history(-1, 1, 1, 0)[:4] == pytest.approx([1, 2 / 3, 0, 0])
    assert history(-1, -1, -1, -1) == pytest.approx([0, 0, 0, 0, 0, math.log(5)])
