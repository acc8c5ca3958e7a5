"""`hydra/launcher=process`: Hydra's view of jobs that run in processes of their own, registered by an entry point.

Light, because Hydra imports this module at every start: the pool is imported when jobs begin.
"""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, filter_overrides, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from lab.sweep.execution.process_pool import Pool

log = logging.getLogger(__name__)


DEVICES = "trainer.devices"
"""The key that says how many devices each job takes."""
ACCELERATOR = "trainer.accelerator"


@dataclass
class ProcessLauncherConfig:
    """The launcher's settings; conf/hydra/launcher/process.yaml explains each."""

    _target_: str = "lab.sweep.execution.process_launcher.ProcessLauncher"
    slots: int | None = None
    timeout_s: float | None = None
    preload: list[str] = field(default_factory=list)
    preload_by: dict[str, dict[str, list[str]]] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/launcher", name="process", node=ProcessLauncherConfig, provider="lab")


class ProcessLauncher(Launcher):
    """Runs each job in a process of its own, several at once; the death of one job does not affect the others."""

    def __init__(
        self,
        slots: int | None,
        timeout_s: float | None,
        preload: Sequence[str],
        preload_by: Mapping[str, Mapping[str, Sequence[str]]],
    ) -> None:
        super().__init__()
        self.slots, self.timeout_s, self.preload, self.preload_by = slots, timeout_s, tuple(preload), preload_by

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def pool(
        self, slots: int | None, max_jobs: int, fixed: Sequence[str] = (), choices: Iterable[tuple[str, Any]] = ()
    ) -> "Pool":
        """Return the pool to run jobs in, `slots` at once or as configured, at most `max_jobs`; nothing is started yet.

        fixed: overrides that every job begins with; choices: keys with values that some jobs will set.
        """
        from lab.core.processes.devices import num_devices_of, number_of, usable_gpus
        from lab.sweep.execution.job import HydraWork
        from lab.sweep.execution.process_pool import Pool
        from lab.sweep.execution.resources import gpus_of_slots, most_devices, num_slots

        gpus, cpus = usable_gpus(), len(os.sched_getaffinity(0))
        choices = [*_values(fixed), *choices]
        given, accelerators = (
            [OmegaConf.select(self.config, name), *(value for key, value in choices if key == name)]
            for name in (DEVICES, ACCELERATOR)
        )
        every = number_of("auto", str(accelerators[-1]), num_devices_of(gpus) // (slots or self.slots or 1))
        devices = most_devices(given, every)
        slots = min(num_slots(slots or self.slots, len(gpus), cpus, devices), max_jobs)
        work = HydraWork(self.context, self.task, self.config, fixed)
        settings = [*((key, OmegaConf.select(self.config, key)) for key in self.preload_by), *choices]
        preload = [*self.preload, *modules_to_preload(self.preload_by, settings, bool(gpus))]
        gpus = gpus_of_slots(gpus, devices)
        return Pool(work, slots, preload, gpus, max(1, cpus // slots), work.prepare if fixed else None)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from lab.sweep.execution.job import Job
        from lab.sweep.execution.run_jobs import run_jobs

        setup_globals()
        configure_log(
            self.config.hydra.hydra_logging,
            self.config.hydra.verbose,
            execution_whitelist=self.context.execution_whitelist,
        )
        folder = Path(str(self.config.hydra.sweep.dir))
        folder.mkdir(parents=True, exist_ok=True)
        jobs = [Job(number, list(overrides)) for number, overrides in enumerate(job_overrides, initial_job_idx)]
        pool = self.pool(None, len(jobs), choices=_values(word for job in jobs for word in job.overrides))
        log.info("%d jobs, %d at a time, below %s", len(jobs), pool.slots, folder)
        return run_jobs(pool, jobs, self.timeout_s, lambda job: " ".join(filter_overrides(job.overrides)))


def _values(overrides: Iterable[str]) -> list[tuple[str, Any]]:
    """Return the keys of overrides with what is typed for each."""
    pairs = (word.lstrip("+").partition("=") for word in dict.fromkeys(overrides))
    return [(key, value) for key, _, value in pairs]


def modules_to_preload(
    by: Mapping[str, Mapping[str, Sequence[str]]], settings: Iterable[tuple[str, Any]], has_gpu: bool
) -> list[str]:
    """Return the modules named for the values that keys have or may get; a group (`peft=lora`) stands for its `kind`.

    A package that is not installed is left out: the job's own check says what to install. With a GPU, so is a package
    that initialises CUDA, because a process in which CUDA is initialised cannot be forked: each job imports it.
    """
    result: dict[str, None] = {}
    for key, value in settings:
        for name in by.get(key, by.get(f"{key}.kind", {})).get(str(value), ()):
            package = name.partition(".")[0]
            if find_spec(package) is not None and not (has_gpu and _initialises_cuda(package)):
                result[name] = None
    return list(result)


def _initialises_cuda(package: str) -> bool:
    """Whether importing a package initialises CUDA: bitsandbytes does, and PEFT imports it where it is installed."""
    return package in ("bitsandbytes", "peft") and find_spec("bitsandbytes") is not None
