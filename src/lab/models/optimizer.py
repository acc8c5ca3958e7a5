"""Optimizers, whose groups of parameters carry the learning rate and the weight decay.

Biases and norms have no weight decay (arXiv 1810.04805 and its code). They are known by name, from before the model is
sharded: under FSDP a process holds flat pieces, so that every parameter has one dimension. Layer-wise rates (arXiv
1801.06146): a layer that is n layers below the top trains at lr * layer_decay^n. Every parameter that trains at some
time is in the optimizer from step 0: optimizers skip a frozen parameter, which has no gradient, and do not decay it.
Parameters that never train, such as the (possibly quantised) base of adapters, are not in the optimizer.
"""

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from lab.config import schema
from lab.config.schema import OptimizerConfig
from lab.config.targets import make_with
from lab.core.registry import OPTIMIZERS
from lab.models.lion import Lion

Groups = list[dict[str, Any]]
WRAPPERS = ("_fsdp_wrapped_module.", "_orig_mod.", "_checkpoint_wrapped_module.")
"""What FSDP, torch.compile and activation checkpointing put into the names of parameters."""


def plain_name(name: str) -> str:
    """The name of a parameter without the wrappers of its modules.

    >>> plain_name("encoder._fsdp_wrapped_module.layers.0._orig_mod.weight")
    'encoder.layers.0.weight'
    """
    for wrapper in WRAPPERS:
        name = name.replace(wrapper, "")
    return name


def names_without_decay(model: nn.Module) -> frozenset[str]:
    """The biases and the norms of a model that is not sharded, by their plain names."""
    return frozenset(plain_name(name) for name, parameter in model.named_parameters() if parameter.ndim < 2)


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    embeddings: Iterable[nn.Module],
    layers: list[nn.Module],
    config: OptimizerConfig,
    without_decay: Collection[str],
) -> list[dict[str, Any]]:
    """Groups of equal learning rate and weight decay, of parameters with their names.

    Depth 0 is the embeddings, then come the layers. All other parameters (the heads) are the top. without_decay: plain
    names (`names_without_decay`).
    """
    top = len(layers) + 1
    depth = {id(parameter): 0 for module in embeddings for parameter in module.parameters()}
    for number, layer in enumerate(layers, start=1):
        depth |= {id(parameter): number for parameter in layer.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        number = depth.get(id(parameter), top)
        rate = config.lr * config.layer_decay ** (top - number)
        if number == top and config.head_lr is not None:
            rate = config.head_lr
        decay = 0.0 if plain_name(name) in without_decay else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def make_optimizer(groups: list[dict[str, Any]], config: OptimizerConfig, device: torch.device) -> Optimizer:
    """The optimizer of a config over groups that carry their rate and weight decay.

    Raises RequestError where the constructor of a custom one refuses its arguments.
    """
    optimizer: Optimizer = OPTIMIZERS[config.kind](groups, config, device)
    # A fused optimizer unscales fp16 gradients itself, after clipping, so Lightning refuses to clip with it (also in
    # bf16). With this flag off, the GradScaler unscales before clipping, as for any other optimizer.
    if hasattr(optimizer, "_step_supports_amp_scaling"):
        optimizer._step_supports_amp_scaling = False
    return optimizer


def _rates(config: OptimizerConfig) -> dict[str, Any]:
    return {"lr": config.lr, "weight_decay": config.weight_decay}


@OPTIMIZERS.register("adamw")
def _adamw(groups: Groups, config: schema.AdamW, device: torch.device) -> Optimizer:
    """Fused if set, or with `auto` if torch has a fused one for the device."""
    fused = device.type in {"cpu", "cuda"} if config.fused == "auto" else config.fused
    return torch.optim.AdamW(groups, betas=config.betas, eps=config.eps, fused=fused, **_rates(config))


@OPTIMIZERS.register("sgd")
def _sgd(groups: Groups, config: schema.Sgd, _: torch.device) -> Optimizer:
    own: dict[str, Any] = config.model_dump(include={"momentum", "nesterov", "dampening"})
    return torch.optim.SGD(groups, **own, **_rates(config))


@OPTIMIZERS.register("adafactor")
def _adafactor(groups: Groups, config: schema.Adafactor, _: torch.device) -> Optimizer:
    own: dict[str, Any] = config.model_dump(include={"beta2_decay", "eps", "d"})
    return torch.optim.Adafactor(groups, **own, **_rates(config))


@OPTIMIZERS.register("lion")
def _lion(groups: Groups, config: schema.Lion, _: torch.device) -> Optimizer:
    return Lion(groups, betas=config.betas, **_rates(config))


@OPTIMIZERS.register("custom")
def _custom(groups: Groups, config: schema.CustomOptimizer, _: torch.device) -> Optimizer:
    optimizer: Optimizer = make_with("optimizer", config.node, groups, **_rates(config))
    return optimizer
