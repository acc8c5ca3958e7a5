"""What is wrong with a multirun on SLURM (`hydra/launcher=submitit_slurm`), before a job is submitted.

The keys are those of hydra-submitit-launcher below `hydra.launcher`. Nothing here asks the cluster: only its programs
must be there, and what the request says must fit together.
"""

import math
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lab.cli.command_line import Typed
from lab.cli.compose import REFUSED
from lab.core.errors import Mistake
from lab.core.processes.world import num_devices

LAUNCHER, CHOICE = "hydra/launcher", "submitit_slurm"
PROGRAMS = ("sbatch", "srun", "sacct", "scontrol")
"""Programs of SLURM that submitit calls: to submit a job, start it, read its state and return it to the queue."""
UNKNOWN = "???"
"""Stands for a value that cannot be known before the jobs run."""
_GRES = re.compile(r"(?:^|,)gpu(?::[A-Za-z][^:,]*)?(?::(\d+))?(?=,|\(|$)")
Found = Iterator[Mistake]


def of_line(typed: Typed, name: str, overrides: Sequence[Sequence[str]]) -> list[Mistake]:
    """Return every mistake of a command line that runs jobs on SLURM; none for other lines.

    name: of the primary config; overrides: its sound ones, each with the values to try.
    """
    if not typed.multirun or f"{LAUNCHER}={CHOICE}" not in typed.overrides:
        return []
    try:
        config = compose(name, [values[0] for values in overrides], return_hydra_config=True)
    except REFUSED:  # the overrides' own mistakes are among the others
        return []
    if config.hydra.runtime.choices.get(LAUNCHER) != CHOICE:  # its package is not installed
        return []
    return mistakes(
        _values(config.hydra.launcher), _values(config.trainer), OmegaConf.select(config, "sweep.limits.trial_timeout")
    )


def _values(node: DictConfig) -> dict[str, Any]:
    """The values of a node, with interpolations resolved; `UNKNOWN` for those that only a job can resolve."""
    result: dict[str, Any] = {}
    for key in node:
        try:
            value = node[key]
        except OmegaConfBaseException:
            value = UNKNOWN
        result[str(key)] = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
    return result


def mistakes(
    launcher: Mapping[Any, Any],
    trainer: Mapping[Any, Any],
    trial_timeout_s: float | None,
    which: Callable[[str], str | None] | None = None,
) -> list[Mistake]:
    """Return every mistake. launcher, trainer: the nodes `hydra.launcher` and `trainer`; trial_timeout_s: of a study.

    which: returns the path of a program; by default from PATH.
    """
    which = which or shutil.which
    lacking = [name for name in PROGRAMS if which(name) is None]
    return [*_programs(lacking), *_tasks(launcher), *_gpus(launcher, trainer), *_times(launcher, trial_timeout_s)]


def _programs(lacking: Sequence[str]) -> Found:
    if lacking:
        problem = f"needs the programs of SLURM, and this machine does not have {', '.join(lacking)}"
        remedy = f"{LAUNCHER}=submitit_local on this machine, or type the command on a login node"
        yield Mistake(LAUNCHER, problem, remedy, CHOICE)


def _tasks(launcher: Mapping[Any, Any]) -> Found:
    tasks, nodes = launcher.get("tasks_per_node") or 1, launcher.get("nodes") or 1
    if tasks not in (1, UNKNOWN):
        problem = "each task would carry out the whole trial; a trial starts the processes of its devices itself"
        remedy = f"hydra.launcher.tasks_per_node=1 trainer.devices={tasks} trainer.strategy=ddp"
        yield Mistake("hydra.launcher.tasks_per_node", problem, remedy, tasks)
    if nodes not in (1, UNKNOWN):
        problem = "a trial runs on one machine"
        yield Mistake("hydra.launcher.nodes", problem, "hydra.launcher.nodes=1", nodes)
    if launcher.get("use_srun") is False:
        problem = (
            "SLURM announces the end of a job to the steps of srun only: trials would be killed without a checkpoint"
        )
        yield Mistake("hydra.launcher.use_srun", problem, "hydra.launcher.use_srun=true", False)


def _gpus(launcher: Mapping[Any, Any], trainer: Mapping[Any, Any]) -> Found:
    key, num = reserved_gpus(launcher)
    devices, accelerator = num_devices(trainer.get("devices")), trainer.get("accelerator")
    if key is None:
        if accelerator in ("gpu", "cuda") and not _is_open(launcher):
            problem = "needs a GPU, and jobs reserve none: gpus_per_node, gpus_per_task and gres are not set"
            remedy = f"hydra.launcher.gpus_per_node={devices or 1}"
            yield Mistake("trainer.accelerator", problem, remedy, accelerator)
        return
    if accelerator == "cpu":
        problem = "reserves GPUs that trainer.accelerator=cpu does not use"
        yield Mistake(f"hydra.launcher.{key}", problem, f"hydra.launcher.{key}=null", launcher[key])
    elif num is not None and devices is not None and devices != num:
        problem = (
            f"each job reserves {_counted(num)} (hydra.launcher.{key}={launcher[key]}), and a trial uses {devices}"
        )
        more = f"trainer.devices={num}" + (" trainer.strategy=ddp" if num > 1 else " trainer.strategy=auto")
        other = "hydra.launcher.gres=null " if key == "gres" else ""
        name = "gpus_per_node" if key == "gres" else key
        remedy = f"{other}hydra.launcher.{name}={devices}" + (f", or {more}" if num else "")
        yield Mistake("trainer.devices", problem, remedy, devices)


def _counted(num: int) -> str:
    return "1 GPU" if num == 1 else f"{num} GPUs"


def _is_open(launcher: Mapping[Any, Any]) -> bool:
    """Whether arguments of sbatch that submitit does not know reserve GPUs in a way that is not read here."""
    return any("gpu" in str(name) or "gres" in str(name) for name in launcher.get("additional_parameters") or {})


def reserved_gpus(launcher: Mapping[Any, Any]) -> tuple[str | None, int | None]:
    """Return the key by which a job reserves GPUs on its machine, and their number; None for each that is not known.

    >>> reserved_gpus({"gpus_per_node": 2}), reserved_gpus({"gres": "gpu:a100:4,disk:1"})
    (('gpus_per_node', 2), ('gres', 4))
    >>> reserved_gpus({"gres": "gpu"}), reserved_gpus({"gres": "disk:1"})
    (('gres', 1), (None, None))
    """
    for key in ("gpus_per_node", "gpus_per_task"):
        if launcher.get(key) is not None:
            text = str(launcher[key]).rpartition(":")[2]
            return key, int(text) if text.isdecimal() else None
    if (match := _GRES.search(str(launcher.get("gres") or ""))) is not None:
        return "gres", int(match[1] or 1)
    return None, None


def _times(launcher: Mapping[Any, Any], trial_timeout_s: float | None) -> Found:
    minutes, announced_s = launcher.get("timeout_min") or 0, launcher.get("signal_delay_s") or 0
    if not isinstance(minutes, int | float) or not isinstance(announced_s, int | float):  # Hydra's schema refuses these
        return
    limit_s = 60 * minutes
    if limit_s <= announced_s:
        problem = f"leaves a trial no time before its end is announced (hydra.launcher.signal_delay_s={announced_s:g})"
        remedy = f"hydra.launcher.timeout_min={max(60, math.ceil(announced_s / 60) * 2)}"
        yield Mistake("hydra.launcher.timeout_min", problem, remedy, launcher.get("timeout_min"))
    elif trial_timeout_s is not None and trial_timeout_s > limit_s - announced_s:
        problem = f"never acts: SLURM stops a job after {limit_s - announced_s:g} s, and the trial is resumed"
        longer = math.ceil((trial_timeout_s + announced_s) / 60)
        yield Mistake("sweep.limits.trial_timeout", problem, f"hydra.launcher.timeout_min={longer}", trial_timeout_s)
