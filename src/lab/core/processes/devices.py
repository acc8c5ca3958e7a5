"""`trainer.devices=auto` and `-1`, which mean all devices of this machine, as a number.

As in Lightning: `auto` is all GPUs, or one process on a CPU; `-1` is all GPUs and needs one. A trial of a sweep sees
the GPUs of its slot only.
"""

from typing import Any

EVERY = ("auto", "-1", -1)
"""Values of `trainer.devices` that mean all devices."""


def means_all(devices: Any) -> bool:
    """Return whether `trainer.devices` stands for all devices of the machine.

    >>> means_all("auto"), means_all(-1), means_all("-1"), means_all(2), means_all("2"), means_all((0, 1))
    (True, True, True, False, False, False)
    """
    return isinstance(devices, int | str) and devices in EVERY


def num_gpus() -> int:
    """Return the number of GPUs that torch sees; imports torch."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def number_of(devices: Any, accelerator: str) -> Any:
    """Return the number that `auto` or `-1` stands for on this machine; any other value of `trainer.devices` as it is.

    accelerator: `trainer.accelerator`. A count of GPUs imports torch.
    """
    if not means_all(devices):
        return devices
    return 1 if accelerator == "cpu" else max(1, num_gpus())
