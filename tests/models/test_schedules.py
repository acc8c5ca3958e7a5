"""Learning-rate schedules: the rate of each step, warm-up, and those of torch and transformers."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from lab.config.schema import AnyScheduler, SchedulerConfig
from lab.config.targets import NAMED_SCHEDULES
from lab.models.schedules import make_scheduler, multiplier, warmup_steps


def scheduler_config(kind: str, **changes: object) -> SchedulerConfig:
    plain = {"kind": kind, "warmup_ratio": 0.0, "warmup_steps": None, "step_epochs": 1, "gamma": 0.1}
    return SchedulerConfig.model_validate(plain | changes)


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
