"""How many jobs run at once, and which GPU each gets; CUDA is not used, because it could not be forked afterwards."""

from collections.abc import Iterable, Sequence

from lab.core.processes.devices import means_all
from lab.core.processes.world import num_devices


def num_slots(requested: int | None, num_gpus: int, num_cpus: int, devices: int = 1) -> int:
    """Return the number of jobs at once: as requested, else one per GPU, else one per CPU but at most four.

    The limit is for memory, because each job has a model. devices: of each job (`trainer.devices`), which take as many
    GPUs or CPUs.
    """
    return requested or (max(1, (num_gpus or min(4, num_cpus)) // devices))


def gpus_of_slots(gpus: Sequence[str], devices: int) -> list[str]:
    """Return CUDA_VISIBLE_DEVICES of each slot in turn: its `devices` GPUs, or all where there are fewer.

    >>> gpus_of_slots(["0", "1", "2", "3", "4"], 2), gpus_of_slots(["0"], 2), gpus_of_slots([], 2)
    (['0,1', '2,3'], ['0'], [])
    """
    if len(gpus) < devices:
        return [",".join(gpus)] if gpus else []
    return [",".join(gpus[start : start + devices]) for start in range(0, len(gpus) - devices + 1, devices)]


def most_devices(values: Iterable[object], every: int = 1) -> int:
    """Return how many devices a job may need. values: of `trainer.devices` in the sweep's config and search space;
    every: what `auto` and -1 stand for, all GPUs of a slot.

    >>> most_devices([1, "2", None]), most_devices(["auto", 2], every=4), most_devices([])
    (2, 4, 1)
    """
    numbers = (every if means_all(value) else num_devices(value) or 1 for value in values if value is not None)
    return max(numbers, default=1)
