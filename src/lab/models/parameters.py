"""The weights of modules: how many there are, how many train, and hashes that identify them.

A quantised parameter counts as the weights that it stands for, not as the bytes that it fills. A hash reads every
weight (about 1 s per GiB).
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn


def num_weights(parameter: nn.Parameter) -> int:
    """Number of weights of a parameter. A quantised parameter holds two weights in a byte and knows its shape."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Number of all weights (`total`) and of those that require a gradient at this moment (`trainable`)."""
    counts = [(num_weights(parameter), parameter.requires_grad) for parameter in model.parameters()]
    return {"total": sum(n for n, _ in counts), "trainable": sum(n for n, trains in counts if trains)}


def trainable_below(modules: list[nn.Module], num_layers: int) -> str | None:
    """A message if any of `modules`, the part below layer `num_layers`, trains; None if all of it is frozen."""
    trainable = parameter_counts(nn.ModuleList(modules))["trainable"]
    return f"{trainable:,} parameters below layer {num_layers} train" if trainable else None


def weight_bytes(module: nn.Module, prefix: str = "") -> Iterator[bytes | memoryview]:
    """What identifies a module, for a hash: of every weight its name, shape and type, then its bytes."""
    for name, tensor in sorted(module.state_dict().items()):
        yield f"{prefix}{name} {tuple(tensor.shape)} {tensor.dtype}".encode()
        yield tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def fingerprint(
    modules: list[nn.Module], settings: list[object], autocast: Callable[[], AbstractContextManager[object]]
) -> str:
    """Hex digest of everything that decides the numbers that modules compute.

    It covers the weights, the data type and precision of products under `autocast`, the chip, the version of torch, and
    `settings`, which must be plain values for JSON.
    """
    device = next(parameter.device for module in modules for parameter in module.parameters())
    probe = torch.ones(1, device=device)
    with autocast():
        product_type = str((probe[None] @ probe[:, None]).dtype)
    chip = torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else torch.cuda.get_device_name(device)
    arithmetic = [product_type, chip, torch.get_float32_matmul_precision(), torch.__version__]
    digest = hashlib.sha256(json.dumps([*arithmetic, *settings]).encode())
    for number, module in enumerate(modules):
        for part in weight_bytes(module, f"{number} "):
            digest.update(part)
    return digest.hexdigest()[:32]
