"""The range test: the suggestion on known curves, and the model restored afterwards."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lab.core.errors import RunError
from lab.training.lr_finder import LrCurve, find, smooth, suggest

RATES = np.geomspace(1e-6, 1.0, 100).tolist()


def curve(centre: float, noise: float = 0.0, rises_at: float = 0.3) -> list[float]:
    """Falls as a logistic curve around `centre` (log10 of the rate), then rises."""
    draws = np.random.default_rng(0).normal(0.0, noise, len(RATES)) if noise else np.zeros(len(RATES))
    return [
        2.0 - 1.5 / (1 + math.exp(-4 * (math.log10(rate) - centre))) + max(0.0, rate - rises_at) * 9 + draw
        for rate, draw in zip(RATES, draws, strict=True)
    ]


@pytest.mark.parametrize("centre", [-4.0, -3.0, -2.0])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_suggests_the_steepest_descent(centre: float, noise: float) -> None:
    rate, reason = suggest(RATES, curve(centre, noise))
    assert rate is not None
    assert abs(math.log10(rate) - centre) < 0.3
    assert reason == ""


def test_values_after_a_loss_that_is_not_finite_are_left_out() -> None:
    losses = curve(-3.0)
    losses[70:] = [math.nan] * 30
    assert suggest(RATES, losses)[0] == pytest.approx(suggest(RATES, curve(-3.0))[0])


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([1.0 + 0.001 * math.sin(i) for i in range(100)], "flat"),
        ([1.0 + 0.1 * i for i in range(100)], "only rose"),
        ([1.0, math.inf, 1.0], "not finite"),
        ([], "not finite"),
    ],
)
def test_no_suggestion_without_a_descent(losses: list[float], reason: str) -> None:
    rate, why = suggest(RATES[: len(losses)], losses)
    assert rate is None
    assert reason in why
    with pytest.raises(RunError, match=reason):
        _ = LrCurve(tuple(RATES), tuple(losses), rate, why).rate


def test_smoothing_neither_shifts_nor_bends_a_line() -> None:
    line = [float(i) for i in range(40)]
    assert smooth(line)[15:25] == pytest.approx(line[15:25], abs=1e-3)


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    x = torch.randn(4, 16, 6, generator=torch.Generator().manual_seed(0))
    return [(part, part.sum(dim=1)) for part in x]


def run(model: nn.Module, rates_seen: list[list[float]] | None = None, lr: float = 1e-2, **options: Any) -> LrCurve:
    def make_optimizer() -> torch.optim.Optimizer:
        groups = [{"params": [model[0].weight], "lr": lr / 10}, {"params": [model[0].bias], "lr": lr}]  # type: ignore[index]
        optimizer = torch.optim.SGD(groups)
        if rates_seen is not None:
            optimizer.register_step_pre_hook(
                lambda *_: rates_seen.append([group["lr"] for group in optimizer.param_groups])
            )
        return optimizer

    def loss(batch: Any) -> torch.Tensor:
        return (model(batch[0]).squeeze(-1) - batch[1]).pow(2).mean()

    settings: dict[str, Any] = {"lr": lr, "min_lr": 1e-4, "max_lr": 100.0, "num_steps": 60}
    return find(model, loss, batches(), make_optimizer, **(settings | options))


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 1), nn.BatchNorm1d(1), nn.Dropout(0.1))


def test_finds_a_rate_that_trains_and_stops_when_it_diverges() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(6, 1))
    result = run(plain)
    assert 1e-3 < result.rate < 20.0
    assert len(result.rates) < 60  # it stopped before the rate of 100
    assert result.rates[0] == pytest.approx(1e-4)


def test_groups_keep_their_ratios() -> None:
    seen: list[list[float]] = []
    result = run(model(), seen)
    assert [high for _, high in seen[:10]] == pytest.approx(list(result.rates[:10]))
    assert all(low == pytest.approx(high / 10) for low, high in seen)


def test_restores_model_and_random_numbers() -> None:
    net = model()
    net[0].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.manual_seed(5)
    random.seed(5)
    states = torch.get_rng_state(), random.getstate()
    run(net)
    assert all(tensor.equal(before[name]) for name, tensor in net.state_dict().items())
    assert [part.training for part in net] == [False, True, True]
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.get_rng_state().equal(states[0])
    assert random.getstate() == states[1]


def test_draws_its_curve_even_without_a_suggestion(tmp_path: Path) -> None:
    for number, losses in enumerate((curve(-3.0), [1.0] * 100, [math.nan])):
        rates = tuple(RATES[: len(losses)])
        path = tmp_path / f"{number}.png"
        LrCurve(rates, tuple(losses), *suggest(rates, losses)).draw(path)
        assert path.read_bytes()[:4] == b"\x89PNG"


def test_refuses_an_empty_range() -> None:
    with pytest.raises(ValueError, match="below max_lr"):
        run(model(), min_lr=1.0, max_lr=0.1)
