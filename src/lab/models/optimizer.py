"""AdamW with parameter groups, and learning-rate schedules as pure functions of the optimizer step.

No weight decay on biases and norms (arXiv 1810.04805 and its code); layer-wise rates (arXiv 1801.06146): the layer n
below the top trains at lr * layer_decay^n. All parameters that may ever train are in the optimizer from step 0, frozen
or not: a parameter without gradient is skipped by AdamW, decay included. What never trains (the base of adapters, which
may be no numbers that AdamW takes) stays out.
"""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from lab.config.schema import OptimizerConfig, SchedulerConfig


def parameter_groups(
    parameters: Iterable[nn.Parameter],
    embeddings: Iterable[nn.Module],
    layers: list[nn.Module],
    config: OptimizerConfig,
) -> list[dict[str, object]]:
    """Groups of equal rate and decay. Depth 0 is the embeddings, then the layers; all the rest (heads) is the top."""
    top = len(layers) + 1
    depth = {id(parameter): 0 for module in embeddings for parameter in module.parameters()}
    for number, layer in enumerate(layers, start=1):
        depth |= {id(parameter): number for parameter in layer.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        number = depth.get(id(parameter), top)
        rate = config.lr * config.layer_decay ** (top - number)
        if number == top and config.head_lr is not None:
            rate = config.head_lr
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def adamw(groups: list[dict[str, object]], config: OptimizerConfig, device: torch.device) -> AdamW:
    """AdamW (arXiv 1711.05101); fused where asked, or where torch has it for the device."""
    fused = device.type in {"cpu", "cuda"} if config.fused == "auto" else config.fused
    optimizer = AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=fused)
    # A fused one would unscale fp16 gradients itself, after clipping, and Lightning refuses to clip for it (in bf16,
    # too). So the GradScaler does it, before clipping, as for any other optimizer.
    optimizer._step_supports_amp_scaling = False
    return optimizer


def warmup_steps(config: SchedulerConfig, num_steps: int) -> int:
    """Optimizer steps of warm-up."""
    return config.warmup_steps if config.warmup_steps is not None else round(config.warmup_ratio * num_steps)


def multiplier(step: int, config: SchedulerConfig, num_steps: int, epoch_ends: tuple[int, ...]) -> float:
    """Factor of the rate at an optimizer step (0-based) of a run of `num_steps`.

    Rises linearly over the warm-up, so that its first step already trains, then falls to 0 along a line or half a
    cosine, stays, or drops by `gamma` after every `step_epochs` epochs. epoch_ends: the step at which each epoch has
    ended.
    """
    warm = warmup_steps(config, num_steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if config.kind == "constant":
        return 1.0
    if config.kind == "step":
        epochs_done = sum(end <= step for end in epoch_ends)
        return config.gamma ** (epochs_done // config.step_epochs)
    done = min(1.0, (step - warm) / max(1, num_steps - warm))
    return 1.0 - done if config.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


def schedule(optimizer: AdamW, config: SchedulerConfig, epoch_ends: tuple[int, ...]) -> LambdaLR:
    """A LambdaLR to be stepped once per optimizer step."""
    num_steps = epoch_ends[-1]
    return LambdaLR(optimizer, lambda step: multiplier(step, config, num_steps, epoch_ends))
