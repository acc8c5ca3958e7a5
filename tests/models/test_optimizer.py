"""AdamW: parameter groups, layer-wise rates, frozen parameters, and learning-rate schedules."""

import pytest
import torch
from torch import nn

from lab.config.schema import AdamW, SchedulerConfig
from lab.models.optimizer import make_optimizer, parameter_groups
from lab.models.schedules import make_scheduler, multiplier, warmup_steps


def optimizer_config(**changes: object) -> AdamW:
    plain = {"lr": 1.0, "weight_decay": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "layer_decay": 1.0, "head_lr": None,
             "fused": "auto"}  # fmt: skip
    return AdamW.model_validate(plain | changes)


def scheduler_config(kind: str, **changes: object) -> SchedulerConfig:
    plain = {"kind": kind, "warmup_ratio": 0.0, "warmup_steps": None, "step_epochs": 1, "gamma": 0.1}
    return SchedulerConfig.model_validate(plain | changes)


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(2))
        self.head = nn.Linear(4, 3)

    def groups(self, config: AdamW) -> dict[int, tuple[float, float]]:
        groups = parameter_groups(self.parameters(), [self.embedding], list(self.layers), config)
        return {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}  # type: ignore[union-attr, misc]


def test_biases_and_norms_have_no_decay_and_every_parameter_is_in_one_group() -> None:
    stack = Stack()
    settings = stack.groups(optimizer_config())
    assert len(settings) == len(list(stack.parameters()))
    assert settings[id(stack.head.weight)] == (1.0, 0.1)
    assert settings[id(stack.head.bias)] == (1.0, 0.0)
    assert settings[id(stack.layers[0][1].weight)] == (1.0, 0.0)


def test_layer_decay_lowers_the_rate_towards_the_input() -> None:
    stack = Stack()
    settings = stack.groups(optimizer_config(layer_decay=0.5))
    rates = [stack.embedding.weight, stack.layers[0][0].weight, stack.layers[1][0].weight, stack.head.weight]
    assert [settings[id(parameter)][0] for parameter in rates] == [0.125, 0.25, 0.5, 1.0]


def test_heads_may_have_their_own_rate() -> None:
    stack = Stack()
    settings = stack.groups(optimizer_config(head_lr=9.0))
    assert settings[id(stack.head.weight)][0] == 9.0
    assert settings[id(stack.layers[1][0].weight)][0] == 1.0


def test_the_optimizer_does_not_change_frozen_parameters() -> None:
    stack = Stack()
    groups = parameter_groups(stack.parameters(), [stack.embedding], list(stack.layers), optimizer_config())
    optimizer = make_optimizer(groups, optimizer_config(), torch.device("cpu"))
    stack.embedding.requires_grad_(False)
    before = stack.embedding.weight.clone()
    stack.head(stack.layers[0](stack.embedding(torch.tensor([1, 2])))).sum().backward()
    optimizer.step()
    assert torch.equal(stack.embedding.weight, before)


ENDS = (10, 20, 30, 40)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("linear", [1.0, 0.75, 0.5, 0.25, 0.025]),
        ("constant", [1.0, 1.0, 1.0, 1.0, 1.0]),
        ("step", [1.0, 0.1, 0.01, 0.001, 0.001]),
        ("cosine", [1.0, 0.853553, 0.5, 0.146447, 0.001541]),
    ],
)
def test_rates_of_each_kind(kind: str, expected: list[float]) -> None:
    config = scheduler_config(kind)
    assert [multiplier(step, config, 40, ENDS) for step in (0, 10, 20, 30, 39)] == pytest.approx(expected, abs=1e-6)


def test_step_epochs_sets_how_often_the_rate_drops() -> None:
    config = scheduler_config("step", step_epochs=2, gamma=0.5)
    assert [multiplier(step, config, 40, ENDS) for step in (0, 10, 20, 39)] == [1.0, 1.0, 0.5, 0.5]


def test_the_warm_up_is_a_share_or_steps_and_starts_above_zero() -> None:
    assert warmup_steps(scheduler_config("linear", warmup_ratio=0.1), 40) == 4
    assert warmup_steps(scheduler_config("linear", warmup_steps=7, warmup_ratio=0.1), 40) == 7
    config = scheduler_config("linear", warmup_steps=3)
    assert [multiplier(step, config, 40, ENDS) for step in (0, 1, 2, 3)] == [0.25, 0.5, 0.75, 1.0]


def test_the_schedule_changes_the_rate_of_the_optimizer() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([parameter], lr=1.0)
    scheduler = make_scheduler(optimizer, scheduler_config("linear"), (2, 4), "max")
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == [1.0, 0.75, 0.5, 0.25]
