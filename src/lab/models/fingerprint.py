"""A digest of what decides the numbers that modules compute: weights, arithmetic, chip and whatever else is named."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn


def fingerprint(
    modules: list[nn.Module], about: list[object], autocast: Callable[[], AbstractContextManager[object]]
) -> str:
    """Hex digest of weights, of the arithmetic they run in, and of whatever else decides what they compute."""
    device = next(parameter.device for module in modules for parameter in module.parameters())
    probe = torch.ones(1, device=device)
    with autocast():
        arithmetic = str((probe[None] @ probe[:, None]).dtype)
    chip = torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else torch.cuda.get_device_name(device)
    settings = [arithmetic, chip, torch.get_float32_matmul_precision(), torch.__version__]
    found = hashlib.sha256(json.dumps([*settings, *about]).encode())
    for number, module in enumerate(modules):
        for name, tensor in sorted(module.state_dict().items()):
            found.update(f"{number} {name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:32]
