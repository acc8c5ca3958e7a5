"""Optimizers and schedules: the kind decides the keys, and values outside their range are refused."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lab.config.schema import AdamW, AnyOptimizer, AnyScheduler
from lab.config.schema.optimizers import CustomOptimizer

OPTIMIZER: TypeAdapter[Any] = TypeAdapter(AnyOptimizer)
SCHEDULER: TypeAdapter[Any] = TypeAdapter(AnyScheduler)
SHARED = {"lr": 1e-3, "weight_decay": 0.1, "layer_decay": 0.9, "head_lr": None}
ADAMW = SHARED | {"betas": [0.9, 0.999], "eps": 1e-8, "fused": "auto"}
LINEAR = {"kind": "linear", "warmup_ratio": 0.1, "warmup_steps": None, "step_epochs": 1, "gamma": 0.1}


def mistakes(adapter: TypeAdapter[Any], value: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(value)
    return {str(each["loc"][-1]) for each in refused.value.errors()}


def test_a_config_without_a_kind_is_of_adamw() -> None:
    assert OPTIMIZER.validate_python(ADAMW) == AdamW.model_validate(ADAMW)


@pytest.mark.parametrize(
    "change",
    [{"lr": 0.0}, {"lr": "fast"}, {"layer_decay": 1.5}, {"weight_decay": -1}, {"betas": [0.9, 1.0]}, {"eps": 0}],
)
def test_values_outside_their_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        OPTIMIZER.validate_python(ADAMW | change)
    assert next(iter(change)) in {str(part) for part in refused.value.errors()[0]["loc"]}


def test_every_mistake_of_a_kind_is_found_at_once() -> None:
    assert mistakes(OPTIMIZER, SHARED | {"kind": "adamw", "momentum": 0.9}) == {"betas", "eps", "fused", "momentum"}
    assert mistakes(SCHEDULER, LINEAR | {"pct_start": 0.3, "gamma": 2.0, "step_epochs": 0}) == {
        "pct_start", "gamma", "step_epochs",
    }  # fmt: skip


def test_a_custom_optimizer_takes_the_arguments_of_its_class_beside_the_rates() -> None:
    given = SHARED | {"kind": "custom", "_target_": "torch.optim.RMSprop", "alpha": 0.95}
    optimizer = OPTIMIZER.validate_python(given)
    assert isinstance(optimizer, CustomOptimizer)
    assert optimizer.node == {"_target_": "torch.optim.RMSprop", "alpha": 0.95}
    assert optimizer.lr == 1e-3
    assert mistakes(OPTIMIZER, given | {"lr": -1}) == {"lr"}
