"""A net for series that is cut between layers computes the same numbers; its fingerprint changes when they change."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch

from lab.callbacks.freeze import apply
from lab.models.series.frozen_prefix import SeriesPrefix, refusal
from lab.models.series.interfaces import CuttableNet


def parts(classifier_of: Any, frozen: int = 1, **changes: Any) -> tuple[Any, CuttableNet]:
    torch.manual_seed(0)
    model = classifier_of("timer_xl", **changes)
    apply(model, True, frozen)
    net = model.nets[0]
    assert isinstance(net, CuttableNet)
    return model, net


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("position", ["flat", "per_variate"])
@torch.no_grad()
def test_forward_above_of_forward_below_equals_forward(
    depth: int, position: str, classifier_of: Any, windows: Any
) -> None:
    model, net = parts(classifier_of, rope_position=position)
    model.eval()
    given = windows(5)
    given.observed[1, :17] = False
    given.values = given.values * given.observed
    states = net.forward_below(given.values, given.observed, depth)
    assert states.shape == (5, net.places, net.width)
    whole = model(given)[0]
    given.states, given.depth = states, depth
    torch.testing.assert_close(model(given)[0], whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_short_windows_have_the_same_states_among_long_windows(classifier_of: Any, windows: Any) -> None:
    _, net = parts(classifier_of, rope_position="flat")
    given = windows(4)
    short = net.eval()(given.values[:, -21:], given.observed[:, -21:])
    given.observed[:, :-21] = False
    torch.testing.assert_close(net(given.values * given.observed, given.observed), short, atol=1e-5, rtol=1e-5)


def test_states_of_all_rows_equal_those_of_the_net(
    classifier_of: Any, windows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.models.series.frozen_prefix.TOKENS_PER_BATCH", 30)
    _, net = parts(classifier_of)
    given = windows(7)
    prefix = SeriesPrefix(net, 1, nullcontext)
    states_of = {}
    for rows, states in prefix.states(lambda rows: (given.values[rows], given.observed[rows]), torch.arange(7).numpy()):
        for row, state in zip(rows.tolist(), states.view(len(rows), prefix.places, prefix.width), strict=True):
            states_of[row] = state
    expected = net.eval().forward_below(given.values, given.observed, 1)
    torch.testing.assert_close(torch.stack([states_of[row] for row in range(7)]), expected, atol=1e-5, rtol=1e-5)


def test_the_fingerprint_covers_the_layers_below_the_cut(classifier_of: Any) -> None:
    _, net = parts(classifier_of)
    first = SeriesPrefix(net, 1, nullcontext).fingerprint()
    with torch.no_grad():
        next(net.layers[1].parameters()).add_(1)
    assert SeriesPrefix(net, 1, nullcontext).fingerprint() == first
    with torch.no_grad():
        next(net.layers[0].parameters()).add_(1)
    assert SeriesPrefix(net, 1, nullcontext).fingerprint() != first
    others = [parts(classifier_of, **changes)[1] for changes in ({}, {"dropout": 0.3}, {"causal": True})]
    same, above, below = (SeriesPrefix(other, 1, nullcontext).fingerprint() for other in others)
    assert same == above == first
    assert below != first


def test_states_that_cannot_be_kept_are_refused_with_the_reason(classifier_of: Any) -> None:
    _, net = parts(classifier_of, frozen=1)
    assert refusal(net, 1) is None
    assert "below layer 2 train" in str(refusal(net, 2))
    with pytest.raises(ValueError, match="cannot be cut"):
        SeriesPrefix(classifier_of("inception_time").nets[0], 1, nullcontext)
