"""AdamW with parameter groups, and learning-rate schedules as pure functions of the optimizer step.

Biases and norms have no weight decay (arXiv 1810.04805 and its code). Layer-wise rates (arXiv 1801.06146): a layer that
is n layers below the top trains at lr * layer_decay^n. Every parameter that trains at some time is in the optimizer
from step 0: AdamW skips a frozen parameter, which has no gradient, and does not decay it. Parameters that never train,
such as the (possibly quantised) base of adapters, are not in the optimizer.
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
    """Groups of equal learning rate and weight decay.

    Depth 0 is the embeddings, then come the layers. All other parameters (the heads) are the top.
    """
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
    """AdamW (arXiv 1711.05101), fused if set, or with "auto" if torch has a fused one for the device."""
    fused = device.type in {"cpu", "cuda"} if config.fused == "auto" else config.fused
    optimizer = AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=fused)
    # A fused optimizer unscales fp16 gradients itself, after clipping, so Lightning refuses to clip with it (also in
    # bf16). With this flag off, the GradScaler unscales before clipping, as for any other optimizer.
    optimizer._step_supports_amp_scaling = False
    return optimizer


def warmup_steps(config: SchedulerConfig, num_steps: int) -> int:
    """Number of optimizer steps of the warm-up."""
    return config.warmup_steps if config.warmup_steps is not None else round(config.warmup_ratio * num_steps)


def multiplier(step: int, config: SchedulerConfig, num_steps: int, epoch_ends: tuple[int, ...]) -> float:
    """Factor of the learning rate at optimizer step `step` (from 0) of a run of `num_steps`.

    The factor rises linearly during the warm-up; it is above 0 from the first step. Then it falls to 0 linearly or as
    half a cosine, stays at 1, or is multiplied by `gamma` after every `step_epochs` epochs. epoch_ends: the step at
    which each epoch has ended.
    """
    num_warmup = warmup_steps(config, num_steps)
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    if config.kind == "constant":
        return 1.0
    if config.kind == "step":
        epochs_done = sum(end <= step for end in epoch_ends)
        return config.gamma ** (epochs_done // config.step_epochs)
    progress = min(1.0, (step - num_warmup) / max(1, num_steps - num_warmup))
    return 1.0 - progress if config.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))


def schedule(optimizer: AdamW, config: SchedulerConfig, epoch_ends: tuple[int, ...]) -> LambdaLR:
    """A LambdaLR that is stepped once per optimizer step."""
    num_steps = epoch_ends[-1]
    return LambdaLR(optimizer, lambda step: multiplier(step, config, num_steps, epoch_ends))
