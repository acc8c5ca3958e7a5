import pytest
import torch
from torch import nn

from lab.config.schema import OptimizerConfig, SchedulerConfig
from lab.models.optimizer import adamw, multiplier, parameter_groups, schedule, warmup_steps


def optimizer_config(**changes: object) -> OptimizerConfig:
    plain = {"lr": 1.0, "weight_decay": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "layer_decay": 1.0, "head_lr": None,
             "fused": "auto"}  # fmt: skip
    return OptimizerConfig.model_validate(plain | changes)


def scheduler_config(kind: str, **changes: object) -> SchedulerConfig:
    plain = {"kind": kind, "warmup_ratio": 0.0, "warmup_steps": None, "step_epochs": 1, "gamma": 0.1}
    return SchedulerConfig.model_validate(plain | changes)


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(2))
        self.head = nn.Linear(4, 3)

    def groups(self, config: OptimizerConfig) -> dict[int, tuple[float, float]]:
        groups = parameter_groups(self.parameters(), [self.embedding], list(self.layers), config)
        return {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}  # type: ignore[union-attr, misc]


def test_no_decay_on_biases_and_norms_and_every_parameter_once() -> None:
    stack = Stack()
    found = stack.groups(optimizer_config())
    assert len(found) == len(list(stack.parameters()))
    assert found[id(stack.head.weight)] == (1.0, 0.1)
    assert found[id(stack.head.bias)] == (1.0, 0.0)
    assert found[id(stack.layers[0][1].weight)] == (1.0, 0.0)


def test_layer_decay_lowers_the_rate_towards_the_input() -> None:
    stack = Stack()
    found = stack.groups(optimizer_config(layer_decay=0.5))
    rates = [stack.embedding.weight, stack.layers[0][0].weight, stack.layers[1][0].weight, stack.head.weight]
    assert [found[id(parameter)][0] for parameter in rates] == [0.125, 0.25, 0.5, 1.0]


def test_heads_may_have_a_rate_of_their_own() -> None:
    stack = Stack()
    found = stack.groups(optimizer_config(head_lr=9.0))
    assert found[id(stack.head.weight)][0] == 9.0
    assert found[id(stack.layers[1][0].weight)][0] == 1.0


def test_frozen_parameters_stay_as_they_are_in_the_optimizer() -> None:
    stack = Stack()
    groups = parameter_groups(stack.parameters(), [stack.embedding], list(stack.layers), optimizer_config())
    optimizer = adamw(groups, optimizer_config(), torch.device("cpu"))
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


def test_warm_up_by_share_or_by_steps_trains_from_its_first_step() -> None:
    assert warmup_steps(scheduler_config("linear", warmup_ratio=0.1), 40) == 4
    assert warmup_steps(scheduler_config("linear", warmup_steps=7, warmup_ratio=0.1), 40) == 7
    config = scheduler_config("linear", warmup_steps=3)
    assert [multiplier(step, config, 40, ENDS) for step in (0, 1, 2, 3)] == [0.25, 0.5, 0.75, 1.0]


def test_the_schedule_moves_the_optimizers_rate() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([parameter], lr=1.0)
    scheduler = schedule(optimizer, scheduler_config("linear"), (2, 4))
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == [1.0, 0.75, 0.5, 0.25]
