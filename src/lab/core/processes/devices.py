"""`trainer.devices=auto` and `-1`, which mean all devices of this machine, as a number.

As in Lightning: `auto` is all GPUs, or one process on a CPU; `-1` is all GPUs and needs one. A trial of a sweep sees
the GPUs of its slot only. Imports no torch.
"""

import itertools
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

EVERY = ("auto", "-1", -1)
"""Values of `trainer.devices` that mean all devices."""


def means_all(devices: Any) -> bool:
    """Return whether `trainer.devices` stands for all devices of the machine.

    >>> means_all("auto"), means_all(-1), means_all("-1"), means_all(2), means_all("2"), means_all((0, 1))
    (True, True, True, False, False, False)
    """
    return isinstance(devices, int | str) and devices in EVERY


def visible_gpus(environment: Mapping[str, str], driver: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Return names for CUDA_VISIBLE_DEVICES: those of that variable, else all that the driver lists."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return [name for name in itertools.takewhile(lambda name: name != "-1", names) if name]  # as CUDA reads it
    return [str(index) for index in range(len(list(driver.iterdir())))] if driver.is_dir() else []


def num_gpus() -> int:
    """Return the number of GPUs of this process, as the driver lists them; 0 where torch is built for a CPU."""
    return 0 if version("torch").endswith("+cpu") else len(visible_gpus(os.environ))


def number_of(devices: Any, accelerator: str) -> Any:
    """Return the number that `auto` or `-1` stands for on this machine; any other value of `trainer.devices` as it is.

    accelerator: `trainer.accelerator`.
    """
    if not means_all(devices):
        return devices
    return 1 if accelerator == "cpu" else max(1, num_gpus())
