"""AdamW: parameter groups, layer-wise rates, frozen parameters, and learning-rate schedules."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from lab.config.schema import AdamW, AnyOptimizer, AnyScheduler, SchedulerConfig
from lab.config.targets import NAMED_SCHEDULES
from lab.core.errors import RequestError
from lab.models.lion import Lion
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


KINDS = {
    "sgd": {"kind": "sgd", "momentum": 0.9, "nesterov": True, "dampening": 0.0},
    "adafactor": {"kind": "adafactor", "beta2_decay": -0.8, "eps": [None, 1e-3], "d": 1.0},
    "lion": {"kind": "lion", "betas": [0.9, 0.99]},
    "custom": {"kind": "custom", "_target_": "torch.optim.RMSprop", "alpha": 0.5},
}
CLASSES = {"sgd": torch.optim.SGD, "adafactor": torch.optim.Adafactor, "lion": Lion, "custom": torch.optim.RMSprop}


@pytest.mark.parametrize("kind", KINDS)
def test_every_optimizer_has_the_same_groups_and_its_own_arguments(kind: str) -> None:
    shared = {"lr": 1.0, "weight_decay": 0.1, "layer_decay": 0.5, "head_lr": 9.0}
    config = TypeAdapter(AnyOptimizer).validate_python(shared | KINDS[kind])
    stack = Stack()
    groups = parameter_groups(stack.parameters(), [stack.embedding], list(stack.layers), config)
    optimizer = make_optimizer(groups, config, torch.device("cpu"))
    assert type(optimizer) is CLASSES[kind]
    settings = {
        id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]
    }
    assert settings[id(stack.head.weight)] == (9.0, 0.1)
    assert settings[id(stack.head.bias)] == (9.0, 0.0)
    assert settings[id(stack.layers[0][0].weight)] == (0.25, 0.1)
    own = {"sgd": ("nesterov", True), "adafactor": ("d", 1.0), "lion": ("betas", (0.9, 0.99)), "custom": ("alpha", 0.5)}
    name, value = own[kind]
    assert optimizer.param_groups[0][name] == value


def test_an_optimizer_that_refuses_its_arguments_is_a_mistake() -> None:
    shared = {"lr": 1.0, "weight_decay": 0.1, "layer_decay": 1.0, "head_lr": None}
    config = TypeAdapter(AnyOptimizer).validate_python(shared | KINDS["custom"] | {"alpha": -1.0})
    parameter = nn.Parameter(torch.zeros(2))
    with pytest.raises(RequestError, match="Invalid alpha"):
        make_optimizer([{"params": [parameter], "lr": 1.0, "weight_decay": 0.0}], config, torch.device("cpu"))


def test_settings_without_a_kind_are_of_adamw() -> None:
    shared = {"lr": 1.0, "weight_decay": 0.1, "layer_decay": 1.0, "head_lr": None}
    old = shared | {"betas": [0.9, 0.999], "eps": 1e-8, "fused": "auto"}
    assert TypeAdapter(AnyOptimizer).validate_python(old) == AdamW.model_validate(old)


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


def rates_of(config: dict[str, Any], ends: tuple[int, ...] = (4, 8), mode: Any = "min") -> list[list[float]]:
    """Rates of two groups before each step of a run."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 0.1)]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    scheduler = make_scheduler(optimizer, TypeAdapter(AnyScheduler).validate_python(config), ends, mode)
    rates = []
    for step in range(ends[-1]):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step(*([float(step)] if config["kind"] == "plateau" else []))
    return rates


ONE_CYCLE = {
    "kind": "one_cycle", "pct_start": 0.5, "anneal_strategy": "linear", "cycle_momentum": True, "base_momentum": 0.8,
    "max_momentum": 0.9, "div_factor": 10.0, "final_div_factor": 100.0, "three_phase": False,
}  # fmt: skip


def test_one_cycle_rises_to_the_rate_of_each_group() -> None:
    rates = rates_of(ONE_CYCLE)
    assert rates[0] == pytest.approx([0.1, 0.01])
    assert max(rates) == pytest.approx([1.0, 0.1])
    assert rates[-1] == pytest.approx([0.001, 0.0001])


def test_a_longer_run_stretches_the_cycle_that_a_checkpoint_has_begun() -> None:
    config = TypeAdapter(AnyScheduler).validate_python(ONE_CYCLE)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    short = make_scheduler(optimizer, config, (4,), "min")
    long = make_scheduler(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9), config, (8,), "min")
    long.load_state_dict(short.state_dict())
    assert long.total_steps == 8  # type: ignore[union-attr]


def test_plateau_drops_where_the_metric_does_not_improve() -> None:
    config = {"kind": "plateau", "metric": None, "mode": None, "factor": 0.5, "patience": 1, "threshold": 0.0,
              "threshold_mode": "abs", "cooldown": 0, "min_lr": 0.0}  # fmt: skip
    assert [rate for rate, _ in rates_of(config, mode="max")] == [1.0] * 8, "more is better, and it rises"
    assert [rate for rate, _ in rates_of(config, mode="min")] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]


@pytest.mark.parametrize("name", NAMED_SCHEDULES)
def test_every_schedule_of_transformers_is_that_of_its_name(name: str) -> None:
    from transformers import get_scheduler

    arguments = {"min_lr": 0.01} if "min_lr" in name else {}
    config = {"kind": "transformers", "name": name, "warmup_ratio": 0.25, "warmup_steps": None, "arguments": arguments}
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    more = arguments | ({"num_decay_steps": 1} if name == "warmup_stable_decay" else {})
    theirs = get_scheduler(name, optimizer, 2, 8, scheduler_specific_kwargs=more)
    expected = []
    for _ in range(8):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert [rate for rate, _ in rates_of(config)] == pytest.approx(expected)


def test_a_custom_schedule_gets_the_length_of_the_run() -> None:
    target = "torch.optim.lr_scheduler.CosineAnnealingLR"
    by_step = rates_of({"kind": "custom", "interval": "step", "_target_": target})
    assert [rate for rate, _ in by_step][4] == pytest.approx(0.5)
    by_epoch = rates_of({"kind": "custom", "interval": "epoch", "_target_": target})
    assert [rate for rate, _ in by_epoch][:3] == pytest.approx([1.0, 0.5, 0.0])
