"""Optimizers: parameter groups, layer-wise rates, frozen parameters."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from lab.config.schema import AdamW, AnyOptimizer
from lab.core.errors import RequestError
from lab.models.lion import Lion
from lab.models.optimizer import make_optimizer, names_without_decay, parameter_groups


def optimizer_config(**changes: object) -> AdamW:
    plain = {"lr": 1.0, "weight_decay": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "layer_decay": 1.0, "head_lr": None,
             "fused": "auto"}  # fmt: skip
    return AdamW.model_validate(plain | changes)


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(2))
        self.head = nn.Linear(4, 3)

    def raw_groups(self, config: AdamW) -> list[dict[str, Any]]:
        named = self.named_parameters()
        return parameter_groups(named, [self.embedding], list(self.layers), config, names_without_decay(self))

    def groups(self, config: AdamW) -> dict[int, tuple[float, float]]:
        groups = self.raw_groups(config)
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
    groups = stack.raw_groups(optimizer_config())
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
    groups = stack.raw_groups(config)
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


def test_flat_pieces_of_a_sharded_model_keep_their_decay() -> None:
    stack = Stack()
    known = names_without_decay(stack)
    for name, parameter in list(stack.named_parameters()):  # as FSDP leaves them on a process
        owner, _, own = name.rpartition(".")
        setattr(stack.get_submodule(owner), own, nn.Parameter(parameter.detach().flatten()))
    wrapped = nn.Module()
    wrapped._fsdp_wrapped_module = stack
    groups = parameter_groups(
        wrapped.named_parameters(), [stack.embedding], list(stack.layers), optimizer_config(), known
    )
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert decay[id(stack.head.weight)] == 0.1
    assert decay[id(stack.layers[0][1].weight)] == 0.0
    assert len(decay) == len(list(stack.parameters()))
