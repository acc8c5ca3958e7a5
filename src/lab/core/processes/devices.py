"""`trainer.devices=auto` and `-1`, which mean all devices of this machine, as a number.

As in Lightning: `auto` is all GPUs, or one process on a CPU; `-1` is all GPUs and needs one. A trial of a sweep sees
the GPUs of its slot only. The GPUs are those of NVIDIA's driver: NVML lists them, as it does for torch; where NVML
cannot be loaded, `/proc/driver/nvidia` has a folder for each, and on WSL2, which has no such folder, `/dev/dxg` with
CUDA's library stands for one. GPUs of other makers are not counted. Imports no torch and does not initialise CUDA,
which could not be forked afterwards.
"""

import ctypes
import itertools
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

EVERY = ("auto", "-1", -1)
"""Values of `trainer.devices` that mean all devices."""
NVML = ("libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
"""NVIDIA's management library by its name, and where Windows puts it on WSL2."""
DRIVER = "proc/driver/nvidia/gpus"
"""Folder with a folder for each GPU of the Linux driver, whose file `information` has its UUID."""
WSL = ("dev/dxg", "usr/lib/wsl/lib/libcuda.so.1")
"""The GPU device of WSL2, and CUDA's library of the driver of Windows (NVIDIA, CUDA on WSL User Guide)."""
UUID_BYTES = 96
"""NVML_DEVICE_UUID_V2_BUFFER_SIZE of nvml.h."""
MIG = "MIG-"
"""How the name of a part of a GPU begins."""


def means_all(devices: Any) -> bool:
    """Return whether `trainer.devices` stands for all devices of the machine.

    >>> means_all("auto"), means_all(-1), means_all("-1"), means_all(2), means_all("2"), means_all((0, 1))
    (True, True, True, False, False, False)
    """
    return isinstance(devices, int | str) and devices in EVERY


def number_of(devices: Any, accelerator: str, num_usable: int | None = None) -> Any:
    """Return the number that `auto` or `-1` stands for; any other value of `trainer.devices` as it is.

    accelerator: `trainer.accelerator`; num_usable: GPUs that the run will see; None: those of this process.

    >>> number_of("auto", "auto", 4), number_of("auto", "cpu", 4), number_of(-1, "auto", 0), number_of(2, "auto", 4)
    (4, 1, 1, 2)
    """
    if not means_all(devices):
        return devices
    if accelerator == "cpu":
        return 1
    return max(1, num_gpus() if num_usable is None else num_usable)


def num_gpus() -> int:
    """Return the number of GPUs that this process can use; 0 where torch is built for a CPU."""
    return num_devices_of(usable_gpus())


def num_devices_of(gpus: Sequence[str]) -> int:
    """Return how many devices a process sees that has these names in CUDA_VISIBLE_DEVICES.

    Of parts of GPUs it sees the first only (NVIDIA, MIG User Guide, "CUDA Device Enumeration").

    >>> num_devices_of(["0", "3"]), num_devices_of(["MIG-a", "MIG-b"]), num_devices_of([])
    (2, 1, 0)
    """
    return min(1, len(gpus)) if any(name.startswith(MIG) for name in gpus) else len(gpus)


def usable_gpus() -> list[str]:
    """Return `visible_gpus` of this process; none where torch is built for a CPU."""
    return [] if version("torch").endswith("+cpu") else visible_gpus(os.environ)


def visible_gpus(environment: Mapping[str, str], root: Path = Path("/")) -> list[str]:
    """Return names for CUDA_VISIBLE_DEVICES: those of that variable that the driver has, else all of the driver.

    The variable is read as CUDA reads it (CUDA Programming Guide, "CUDA Environment Variables"): indices, or the
    beginnings of UUIDs, each of one GPU; empty: none; what comes after an invalid name is not visible. As in torch, a
    name that is repeated leaves none. root: of the file system.
    """
    uuids, visible = driver_gpus(root), environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(index) for index in range(len(uuids))]
    names = [name.strip() for name in visible.split(",")]
    found = list(itertools.takewhile(lambda name: _is_valid(name, uuids), names))
    return found if len(set(found)) == len(found) else []


def driver_gpus(root: Path = Path("/")) -> list[str]:
    """Return the UUID of each GPU of NVIDIA's driver, in the driver's order; empty text where it is not known."""
    if (listed := nvml_uuids()) is not None:
        return listed
    if (root / DRIVER).is_dir():
        return [_uuid_in(folder / "information") for folder in sorted((root / DRIVER).iterdir())]
    return [""] if all((root / path).exists() for path in WSL) else []


def nvml_uuids() -> list[str] | None:
    """Return the UUID of each GPU that NVML lists; None where it cannot be loaded or finds no driver."""
    for name in NVML:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if library.nvmlInit_v2() != 0:
            return None
        try:
            num = ctypes.c_uint()
            if library.nvmlDeviceGetCount_v2(ctypes.byref(num)) != 0:
                return None
            return [_nvml_uuid(library, index) for index in range(num.value)]
        finally:
            library.nvmlShutdown()
    return None


def _nvml_uuid(library: Any, index: int) -> str:
    device, text = ctypes.c_void_p(), ctypes.create_string_buffer(UUID_BYTES)
    if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) != 0:
        return ""
    if library.nvmlDeviceGetUUID(device, text, UUID_BYTES) != 0:
        return ""
    return text.value.decode("ascii", "replace")


def _uuid_in(information: Path) -> str:
    try:
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((value.strip() for key, _, value in (line.partition(":") for line in lines) if key == "GPU UUID"), "")


def _is_valid(name: str, uuids: Sequence[str]) -> bool:
    """Whether the driver has a GPU of this name. uuids: of its GPUs; one that is not known may be any."""
    if name.isdecimal():
        return int(name) < len(uuids)
    if name.startswith(MIG):
        return bool(uuids)
    matches = sum(uuid.startswith(name) for uuid in uuids)
    return name.startswith("GPU-") and (matches == 1 or (matches == 0 and "" in uuids))
