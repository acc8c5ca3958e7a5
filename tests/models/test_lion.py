"""Lion against the formula of its paper, written for one number at a time."""

import math

import pytest
import torch
from torch import nn

from lab.models.lion import Lion


def test_steps_are_those_of_the_paper() -> None:
    lr, (beta1, beta2), decay = 0.1, (0.9, 0.99), 0.5
    weights, gradients = [1.0, -2.0, 0.5], [[0.3, -0.1, 0.0], [-4.0, -0.2, 0.1], [0.01, 0.5, -0.3]]
    parameter = nn.Parameter(torch.tensor(weights, dtype=torch.double))
    optimizer = Lion([parameter], lr=lr, betas=(beta1, beta2), weight_decay=decay)
    momentum = [0.0] * 3
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=torch.double)
        optimizer.step()
        for place, slope in enumerate(gradient):
            update = beta1 * momentum[place] + (1 - beta1) * slope
            sign = math.copysign(1.0, update) if update else 0.0
            weights[place] -= lr * (sign + decay * weights[place])
            momentum[place] = beta2 * momentum[place] + (1 - beta2) * slope
        assert parameter.tolist() == pytest.approx(weights)
        assert optimizer.state[parameter]["exp_avg"].tolist() == pytest.approx(momentum)


def test_a_parameter_without_a_gradient_is_not_decayed_and_has_no_state() -> None:
    trained, frozen = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = Lion([trained, frozen], lr=0.1, weight_decay=1.0)
    trained.grad = torch.ones(2)
    optimizer.step()
    assert frozen.tolist() == [1.0, 1.0]
    assert frozen not in optimizer.state
    assert trained.tolist() == pytest.approx([0.8, 0.8])


def test_the_closure_is_called_with_gradients() -> None:
    parameter = nn.Parameter(torch.ones(2))
    optimizer = Lion([parameter], lr=0.1)

    def closure() -> torch.Tensor:
        loss = parameter.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    assert float(optimizer.step(closure)) == 2.0
    assert parameter.tolist() == pytest.approx([0.9, 0.9])
