"""Lightning gets the ranks that are there: it starts none, and takes their numbers from the world."""

import pytest
from lightning.pytorch.strategies import DDPStrategy

from lab.core.processes.world import World
from lab.training.build.strategy import StartedRanks, strategy

WORLD = World(5, 8, 1, 4, "alpha", 29500, "torchrun")


def test_ranks_as_lightning_asks_for_them() -> None:
    ranks = StartedRanks(WORLD)
    assert ranks.creates_processes_externally
    assert not StartedRanks.detect()
    assert (ranks.main_address, ranks.main_port) == ("alpha", 29500)
    assert (ranks.world_size(), ranks.global_rank(), ranks.local_rank(), ranks.node_rank()) == (8, 5, 1, 1)
    ranks.set_world_size(8)
    ranks.set_global_rank(5)
    with pytest.raises(AssertionError, match="8 ranks are there"):
        ranks.set_world_size(4)
    with pytest.raises(AssertionError, match="rank 5"):
        ranks.set_global_rank(0)


@pytest.mark.parametrize(("name", "finds"), [("ddp", False), ("ddp_find_unused_parameters_true", True)])
def test_arguments_of_the_trainer(name: str, finds: bool) -> None:
    assert strategy(name, None) == {"devices": 1}
    arguments = strategy(name, WORLD)
    assert (arguments["devices"], arguments["num_nodes"]) == (4, 2)
    assert isinstance(arguments["strategy"], DDPStrategy)
    assert arguments["strategy"]._ddp_kwargs == {"find_unused_parameters": finds}
