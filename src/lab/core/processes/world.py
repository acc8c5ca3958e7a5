"""The processes that train one run together: how many there are, which one this is, and where they meet.

A run on several devices has a process (rank) per device. `lab` starts the ranks of one machine itself; over several
machines torchrun or SLURM starts the same command line on each, and says in the environment which rank it is. Rank 0
alone reads the command line, owns the run folder and prints; the others join it. Imports no torch.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Starter = Literal["lab", "torchrun", "slurm"]
TORCHRUN, SLURM = STARTED_BY = "TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS"
"""The variables by which a process knows that torchrun or SLURM has started it."""
PORTS = 15000, 20000
"""First port, and number of ports, of jobs of SLURM whose environment names none (`MASTER_PORT`)."""


@dataclass(frozen=True)
class World:
    """This process among the ranks of a run.

    rank: 0 to size - 1 over all machines; local_rank: number on this machine, which is that of its device; address and
    port: where rank 0 (of torchrun: its agent) accepts connections.
    """

    rank: int
    size: int
    local_rank: int
    num_local: int
    address: str
    port: int
    starter: Starter

    @property
    def num_nodes(self) -> int:
        """Number of machines."""
        return self.size // self.num_local


def num_devices(devices: Any) -> int | None:
    """Return how many devices `trainer.devices` names on each machine: a number, or a list of GPUs; None if neither.

    >>> num_devices(2), num_devices("2"), num_devices((0, 3)), num_devices("[0,3]"), num_devices("auto"), num_devices(0)
    (2, 2, 2, 2, None, None)
    """
    if isinstance(devices, str) and devices.startswith("["):
        devices = [each for each in devices.strip("[]").split(",") if each.strip()]
    if isinstance(devices, Sequence) and not isinstance(devices, str):
        return len(devices) or None
    count = int(devices) if isinstance(devices, int) or str(devices).isdecimal() else 0
    return count if count > 0 else None


def num_ranks(devices: Any, num_nodes: int) -> int:
    """Return the number of processes of a run, from `trainer.devices` and `trainer.num_nodes`."""
    return (num_devices(devices) or 1) * max(1, num_nodes)


def started_outside(environment: Mapping[str, str]) -> World | None:
    """Return the world that torchrun or SLURM has started this process in; None if neither has started several.

    `srun` sets SLURM_STEP_NUM_TASKS; the script of a batch job, which is one process, does not have it.
    """
    if TORCHRUN in environment and "RANK" in environment:
        return World(
            int(environment["RANK"]),
            int(environment["WORLD_SIZE"]),
            int(environment["LOCAL_RANK"]),
            int(environment["LOCAL_WORLD_SIZE"]),
            environment["MASTER_ADDR"],
            int(environment["MASTER_PORT"]),
            "torchrun",
        )
    if int(environment.get(SLURM, "1")) > 1 and "SLURM_PROCID" in environment:
        size, nodes = int(environment[SLURM]), int(environment.get("SLURM_STEP_NUM_NODES", "1"))
        return World(
            int(environment["SLURM_PROCID"]),
            size,
            int(environment["SLURM_LOCALID"]),
            max(1, size // nodes),
            environment.get("MASTER_ADDR") or first_host(environment.get("SLURM_STEP_NODELIST", "127.0.0.1")),
            int(environment.get("MASTER_PORT") or _port(environment)),
            "slurm",
        )
    return None


def forget_starter(environment: MutableMapping[str, str]) -> None:
    """Remove what torchrun or SLURM says about the processes of a run: a job of a multirun is a run of its own."""
    for name in STARTED_BY:
        environment.pop(name, None)


def first_host(nodes: str) -> str:
    """Return the first host of a list of SLURM.

    >>> first_host("gpu[07-09,12],cpu1"), first_host("alpha,beta"), first_host("rack1-node[3]")
    ('gpu07', 'alpha', 'rack1-node3')
    """
    host, bracket, rest = nodes.partition("[")
    return host + re.split(r"[-,\]]", rest)[0] if bracket and "," not in host else nodes.partition(",")[0]


def _port(environment: Mapping[str, str]) -> int:
    """Return a port that all tasks of a step compute alike, and other steps of the machine rarely."""
    job, step = int(environment.get("SLURM_JOB_ID", "0")), int(environment.get("SLURM_STEP_ID", "0"))
    return PORTS[0] + (job * 31 + step) % PORTS[1]
