"""The processes of a run as its environment has started them: what does not fit the config, and which of them join it.

A run on several devices is one command line. torchrun and SLURM start it once for each device: the process of rank 0
carries it out, the others join that run and never look at the line again. Imports no torch.
"""

import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lab.cli.command_line import Typed, parse
from lab.cli.compose import whole
from lab.config.rules import contradictions
from lab.config.rules.trainer import DDP, UNUSED
from lab.config.schema import Config
from lab.core.errors import EXIT_DONE, EXIT_REQUEST, Mistake, RequestError, refuse_if_any
from lab.core.machine_faults import MachineRefusal
from lab.core.processes.devices import means_all, num_gpus, number_of
from lab.core.processes.world import World, num_devices, num_ranks, started_outside

log = logging.getLogger(__name__)


def with_number(config: Config) -> Config:
    """Return the config with a number in place of `trainer.devices=auto` or `-1`.

    Raises RequestError for what contradicts the number, MachineRefusal where -1 means no GPU.
    """
    trainer, nodes = config.trainer, config.trainer.num_nodes
    if not means_all(trainer.devices):
        return config
    if str(trainer.devices) == "-1" and trainer.accelerator == "auto" and num_gpus() == 0:
        problem = "means all GPUs, and there is none that torch can use"
        raise MachineRefusal(Mistake("trainer.devices", problem, "trainer.devices=auto", trainer.devices))
    number, strategy = settled(trainer.devices, trainer.accelerator, trainer.strategy, nodes)
    log.info("trainer.devices=%s: %d", trainer.devices, number)
    changed = trainer.model_copy(update={"devices": number, "strategy": strategy})
    result = config.model_copy(update={"trainer": changed})
    refuse_if_any(contradictions(result.model_dump(), frozenset()))
    return result


def settled(devices: Any, accelerator: str, strategy: str, num_nodes: int) -> tuple[Any, str]:
    """Return `trainer.devices` as a number where it means all devices, and the strategy with it.

    One device needs no strategy of several: it becomes `auto`, unless torchrun or SLURM has started other processes.
    """
    if not means_all(devices):
        return devices, strategy
    number = number_of(devices, accelerator)
    alone = number * num_nodes == 1 and started_outside(os.environ) is None
    return number, "auto" if alone and strategy in (DDP, UNUSED) else strategy


def missing(config: Config, environment: Mapping[str, str] | None = None) -> list[Mistake]:
    """Return what is wrong with the devices of a run where torchrun, SLURM or nobody else has started its processes."""
    trainer = config.trainer
    own, nodes, world = num_devices(trainer.devices) or 1, trainer.num_nodes, started_outside(environment or os.environ)
    if config.test is not None:
        return []
    if world is None:
        if nodes == 1:
            return []
        problem = "on several machines, torchrun or SLURM starts the processes"
        line = f"torchrun --nnodes={nodes} --nproc-per-node={own} --rdzv-backend=c10d --rdzv-endpoint=HOST train.py ..."
        return [Mistake("trainer.num_nodes", problem, f"{line} on each machine, or trainer.num_nodes=1", nodes)]
    if (world.size == own * nodes and world.num_local == own) or _runs_alone(world, own * nodes):
        return []
    problem = f"{world.starter} has started {world.size} processes, {world.num_local} on each machine"
    if config.resume is not None:
        fitting = f"as many processes as the run began with: --nnodes={nodes} --nproc-per-node={own}"
        return [Mistake("resume", problem, fitting, config.resume)]
    fitting = f"trainer.strategy=ddp trainer.devices={world.num_local} trainer.num_nodes={world.num_nodes}"
    return [Mistake("trainer.devices", problem, fitting, own)]


def _runs_alone(world: World, devices: int) -> bool:
    """Whether the tasks of a SLURM step are runs of their own, each on one device."""
    return world.starter == "slurm" and devices == 1


def refuse_multirun(typed: Typed, environment: Mapping[str, str] | None = None) -> None:
    """Raises RequestError for `-m` below torchrun: the trials of a multirun start their own processes."""
    world = started_outside(environment or os.environ)
    if typed.multirun and world is not None and world.starter == "torchrun":
        problem = "torchrun starts the processes of one run; each trial of -m starts its own for trainer.devices"
        raise RequestError(Mistake("", problem, "python train.py in place of torchrun"))


def joined(
    argv: Sequence[str], conf: Path, name: str, sound: Callable[[], Sequence[str]], join: Callable[[World], int]
) -> int | None:
    """Join the run of rank 0 and return the exit code; None where this process has a run of its own.

    conf and name: of the primary config; sound: returns the checked command line, or raises RequestError; rank 0 prints
    the mistakes, so this process prints nothing; join: waits for rank 0 and trains with it.
    """
    world = started_outside(os.environ)
    if world is None or world.rank == 0 or (world.starter == "slurm" and parse(argv).multirun):
        return None
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            refuse_multirun(parse(argv))
            typed = parse(sound())
            if not typed.runs:
                return EXIT_DONE
            config = whole(typed, conf, name)
    except RequestError:
        return EXIT_REQUEST
    keys = ("trainer.devices", "trainer.accelerator", "trainer.num_nodes", "test")
    devices, accelerator, nodes, tested = (OmegaConf.select(config, key) for key in keys)
    if _runs_alone(world, num_ranks(number_of(devices, accelerator), nodes)):
        return None
    return EXIT_DONE if tested is not None else join(world)
