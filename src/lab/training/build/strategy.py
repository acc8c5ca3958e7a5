"""Lightning's view of the ranks that `lab`, torchrun or SLURM has started: all are there when the Trainer is made."""

from collections.abc import Iterator
from typing import Any

from lightning.fabric.plugins import ClusterEnvironment

from lab.config.rules.trainer import UNUSED
from lab.config.schema import TrainerConfig
from lab.core.errors import Mistake
from lab.core.processes.world import World, num_devices
from lab.training.build.ddp import Ddp


class StartedRanks(ClusterEnvironment):
    """The ranks of a run as Lightning's Trainer asks for them; it starts no processes."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self.world.address

    @property
    def main_port(self) -> int:
        return self.world.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.world.size

    def set_world_size(self, size: int) -> None:
        """Check that the Trainer expects the ranks that are there."""
        assert size == self.world.size, f"the Trainer has {size} devices, and {self.world.size} ranks are there"

    def global_rank(self) -> int:
        return self.world.rank

    def set_global_rank(self, rank: int) -> None:
        """Check that the Trainer gives this process the number that it has."""
        assert rank == self.world.rank, f"the Trainer takes rank {self.world.rank} for rank {rank}"

    def local_rank(self) -> int:
        return self.world.local_rank

    def node_rank(self) -> int:
        return self.world.rank // self.world.num_local


def lacking_devices(config: TrainerConfig, num_gpus: int) -> Iterator[Mistake]:
    """Yield what several devices of a run need and this machine does not have. num_gpus: 0 for a run on the CPU."""
    own, devices = num_devices(config.devices) or 1, config.devices
    if num_gpus:
        if own > num_gpus or (isinstance(devices, tuple) and max(devices) >= num_gpus):
            shown = list(devices) if isinstance(devices, tuple) else devices
            yield Mistake("trainer.devices", f"torch sees {num_gpus} GPUs", f"trainer.devices={num_gpus}", shown)
    elif isinstance(devices, tuple):
        yield Mistake("trainer.devices", "lists GPUs, and torch sees none", f"trainer.devices={own}", list(devices))


def gpu_index(config: TrainerConfig, world: World | None) -> int:
    """The number of the GPU of a rank: its own in the list of `trainer.devices`, or that of the rank."""
    local = 0 if world is None else world.local_rank
    return config.devices[local] if isinstance(config.devices, tuple) else local


def strategy(config: TrainerConfig, accelerator: str, world: World | None) -> dict[str, Any]:
    """The arguments of the Trainer that say on which devices it trains. world: None for one device."""
    if world is None:
        return {"devices": [gpu_index(config, None)] if accelerator == "gpu" else 1}
    ddp = Ddp(find_unused_parameters=config.strategy == UNUSED)
    devices = list(config.devices) if isinstance(config.devices, tuple) else world.num_local
    return {"devices": devices, "num_nodes": world.num_nodes, "strategy": ddp}
