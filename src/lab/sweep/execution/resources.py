"""How many jobs run at once, and which GPU each gets; CUDA is not used, because it could not be forked afterwards."""

from collections.abc import Mapping
from pathlib import Path


def visible_gpus(environment: Mapping[str, str], driver: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Return names for CUDA_VISIBLE_DEVICES: those of that variable, else all that the driver lists."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    return [str(index) for index in range(len(list(driver.iterdir())))] if driver.is_dir() else []


def num_slots(requested: int | None, num_gpus: int, num_cpus: int) -> int:
    """Return the number of jobs at once: as requested, else one per GPU, else one per CPU but at most four.

    The limit is for memory, because each job has a model.
    """
    return requested or num_gpus or max(1, min(4, num_cpus))
