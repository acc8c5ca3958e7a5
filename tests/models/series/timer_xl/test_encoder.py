"""The encoder gives the numbers of the released network, and has properties that do not depend on its weights."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lab.models.series.interfaces import normalised
from lab.models.series.timer_xl.checkpoint import match
from lab.models.series.timer_xl.encoder import TimerEncoder, patched, whole_patches

GOLDEN = os.environ.get("LAB_GOLDEN", "")
"""Path of timer_xl_golden.npz: weights, inputs and outputs of a tiny network in the released layout."""

Small = Callable[..., Any]


def encoder(small_net: Small, **changes: Any) -> TimerEncoder:
    torch.manual_seed(0)
    plain = {"rope_position": "flat", "causal": True, "layer_dropout": 0.0}
    return TimerEncoder(small_net("timer_xl", **(plain | changes)), forecasts=True).eval()


def forecast(net: TimerEncoder, series: Tensor) -> tuple[Tensor, Tensor]:
    """Forecasts (B, N P, C) and states (B, C N, D) of series (B, T, C); an incomplete last patch is ignored."""
    values, mean, spread = series, torch.zeros(()), torch.ones(())
    if net.config.normalise:
        values, mean, spread = normalised(series, torch.ones_like(series, dtype=torch.bool))
    states = net(patched(values, net.config.patch))
    return net.forecast(states).flatten(2).transpose(1, 2) * spread + mean, states.flatten(1, 2)


@pytest.mark.skipif(not Path(GOLDEN).is_file(), reason="LAB_GOLDEN is not the path of the golden file")
@pytest.mark.parametrize("attention", ["plain", "fused"])
@pytest.mark.parametrize(
    ("given", "expected", "changes"),
    [
        ("x1", "1", {}),
        ("x3", "3", {}),
        ("xr", "r", {}),
        ("x3", "3_covariate", {"covariate": True}),
        ("x1", "1_nonorm", {"normalise": False}),
    ],
)
@torch.no_grad()
def test_golden_values(attention: str, given: str, expected: str, changes: dict[str, Any], small_net: Small) -> None:
    golden = {key: torch.from_numpy(values) for key, values in np.load(GOLDEN).items()}
    net = encoder(small_net, attention=attention, **changes)
    weights = {key.removeprefix("sd/"): values for key, values in golden.items() if key.startswith("sd/")}
    fit = match(net, weights, GOLDEN)
    assert fit.whole
    net.load_state_dict(fit.loaded)
    forecasts, states = forecast(net, golden[given])
    torch.testing.assert_close(forecasts, golden[f"y{expected}"], atol=1e-5, rtol=0)
    if f"h{expected}" in golden:
        torch.testing.assert_close(states, golden[f"h{expected}"], atol=1e-5, rtol=0)


SWITCHES: list[dict[str, Any]] = [
    {},
    {"causal": False},
    {"covariate": True},
    {"covariate": True, "causal": False},
    {"variate_bias": False},
    {"mixing": False},
    {"rope": "split_full", "ffn": "swiglu", "biases": "qkv"},
    {"rope_position": "per_variate"},
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_fused_attention_equals_plain_attention(
    channels: int, gaps: bool, changes: dict[str, Any], small_net: Small
) -> None:
    plain, fused = (encoder(small_net, attention=how, **changes) for how in ("plain", "fused"))
    patches, kept = torch.randn(2, channels, 5, 8), torch.rand(2, channels, 5) > 0.4
    results = []
    for net in (plain, fused):
        states = net(patches, kept if gaps else None)
        states.square().sum().backward()
        results.append((states, {name: parameter.grad for name, parameter in net.named_parameters()}))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-5, rtol=1e-5)
    for name, gradient in results[0][1].items():
        if gradient is not None and results[1][1][name] is not None:  # with one channel the bias has no effect
            torch.testing.assert_close(gradient, results[1][1][name], atol=2e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize("changes", SWITCHES[1:], ids=str)
@torch.no_grad()
def test_every_setting_changes_the_output(changes: dict[str, Any], small_net: Small) -> None:
    patches = torch.randn(2, 3, 5, 8)
    assert not torch.allclose(encoder(small_net)(patches), encoder(small_net, **changes)(patches), atol=1e-4)


@pytest.mark.parametrize("attention", ["plain", "fused"])
@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_the_last_patch_changes_no_earlier_output(attention: str, channels: int, small_net: Small) -> None:
    net = encoder(small_net, attention=attention)
    patches = torch.randn(2, channels, 5, 8)
    changed = patches.clone()
    changed[:, :, -1] += 1
    before, after = net(patches), net(changed)
    torch.testing.assert_close(before[:, :, :-1], after[:, :, :-1], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, :, -1], after[:, :, -1], atol=1e-3)
    free = encoder(small_net, attention=attention, causal=False)
    assert not torch.allclose(free(patches)[:, :, 0], free(changed)[:, :, 0], atol=1e-3)


@torch.no_grad()
def test_positions_per_variate_make_channels_interchangeable(small_net: Small) -> None:
    patches, order = torch.randn(2, 4, 5, 8), torch.tensor([2, 0, 3, 1])
    net = encoder(small_net, rope_position="per_variate")
    torch.testing.assert_close(net(patches)[:, order], net(patches[:, order]), atol=1e-5, rtol=1e-5)
    flat = encoder(small_net, rope_position="flat")
    assert not torch.allclose(flat(patches)[:, order], flat(patches[:, order]), atol=1e-4)


@torch.no_grad()
def test_channels_without_mixing_are_independent(small_net: Small) -> None:
    net = encoder(small_net, mixing=False)
    patches = torch.randn(2, 3, 5, 8)
    changed = patches.clone()
    changed[:, 1] += 1
    torch.testing.assert_close(net(patches)[:, [0, 2]], net(changed)[:, [0, 2]])


@torch.no_grad()
def test_only_the_last_channel_reads_covariates_and_at_all_times(small_net: Small) -> None:
    net = encoder(small_net, covariate=True)
    patches = torch.randn(2, 3, 5, 8)
    changed = patches.clone()
    changed[:, 0, -1] += 1
    before, after = net(patches), net(changed)
    torch.testing.assert_close(before[:, 1], after[:, 1])
    assert not torch.allclose(before[:, 2, 0], after[:, 2, 0], atol=1e-4)


@torch.no_grad()
def test_patches_that_are_not_kept_have_no_influence(small_net: Small) -> None:
    net = encoder(small_net, causal=False)
    patches, kept = torch.randn(1, 2, 5, 8), torch.ones(1, 2, 5, dtype=torch.bool)
    kept[:, :, 0] = False
    changed = patches.clone()
    changed[:, :, 0] = 7.0
    torch.testing.assert_close(net(patches, kept)[:, :, 1:], net(changed, kept)[:, :, 1:])
    assert net(patches, torch.zeros_like(kept)).isfinite().all()


@torch.no_grad()
def test_an_encoder_cut_above_any_layer_gives_the_same_output(small_net: Small) -> None:
    net = encoder(small_net)
    patches = torch.randn(2, 3, 5, 8)
    for depth in range(3):
        below = net.through(net.embedding(patches), None, 0, depth)
        torch.testing.assert_close(net.above(below, None, depth), net(patches))


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"),
    [("timer_xl_full", 142, 67_398_880), ("timer_84m", 116, 84_142_080), ("timer_xl", 74, 12_709_536)],
)
def test_the_networks_have_the_released_sizes(name: str, tensors: int, parameters: int, shipped: Small) -> None:
    with torch.device("meta"):
        net = TimerEncoder(shipped(name), forecasts=True)
    state = net.state_dict()
    assert (len(state), sum(tensor.numel() for tensor in state.values())) == (tensors, parameters)


def test_lengths_are_rounded_up_to_whole_patches() -> None:
    assert [whole_patches(length, 8) for length in (1, 8, 9, 45)] == [8, 8, 16, 48]
