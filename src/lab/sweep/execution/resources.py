"""How many jobs at once, and each one's GPU, told without asking CUDA, which could not be forked afterwards."""

from collections.abc import Mapping
from pathlib import Path


def visible_gpus(environment: Mapping[str, str], driver: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Names for CUDA_VISIBLE_DEVICES: those of that variable, else all that the driver knows."""
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        return [name for name in listed.split(",") if name.strip() not in ("", "-1")]
    return [str(place) for place in range(len(list(driver.iterdir())))] if driver.is_dir() else []


def num_slots(asked: int | None, num_gpus: int, num_cpus: int) -> int:
    """Jobs at once: as asked, else one a GPU, else one a CPU and at most four, each of which holds a model."""
    return asked or num_gpus or max(1, min(4, num_cpus))
