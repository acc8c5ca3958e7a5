"""Lightning's view of the ranks that `lab`, torchrun or SLURM has started: all are there when the Trainer is made."""

from typing import Any

from lightning.fabric.plugins import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy

from lab.config.rules.trainer import UNUSED
from lab.core.processes.world import World


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


def strategy(name: str, world: World | None) -> dict[str, Any]:
    """The arguments of the Trainer that say on how many devices it trains. world: None for one device."""
    if world is None:
        return {"devices": 1}
    ddp = DDPStrategy(find_unused_parameters=name == UNUSED)
    return {"devices": world.num_local, "num_nodes": world.num_nodes, "strategy": ddp}
