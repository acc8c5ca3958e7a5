"""Lightning gets the ranks that are there: it starts none, and takes their numbers from the world."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from lightning.pytorch.strategies import DDPStrategy

from lab.config.check import check
from lab.config.schema import TrainerConfig
from lab.core.processes.world import World
from lab.training.build.strategy import StartedRanks, gpu_index, lacking_devices, strategy

CONF = Path(__file__).resolve().parents[3] / "conf"

WORLD = World(5, 8, 1, 4, "alpha", 29500, "torchrun")


def trainer_config(*words: str) -> TrainerConfig:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", list(words))).trainer


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


@pytest.mark.parametrize(
    ("words", "num_gpus", "keys"),
    [
        ([], 0, []),
        (["trainer.devices=2"], 0, []),
        (["trainer.devices=2", "trainer.sync_batchnorm=true"], 0, []),
        (["trainer.devices=[0,1]"], 0, ["trainer.devices"]),
        (["trainer.devices=[0,2]"], 2, ["trainer.devices"]),
        (["trainer.devices=4"], 2, ["trainer.devices"]),
    ],
)
def test_what_the_machine_lacks(words: list[str], num_gpus: int, keys: list[str]) -> None:
    assert [mistake.key for mistake in lacking_devices(trainer_config(*words), num_gpus)] == keys


@pytest.mark.parametrize(("name", "finds"), [("ddp", False), ("ddp_find_unused_parameters_true", True)])
def test_arguments_of_the_trainer(name: str, finds: bool) -> None:
    config = trainer_config(f"trainer.strategy={name}", "trainer.devices=4", "trainer.num_nodes=2")
    assert strategy(config, "cpu", None) == {"devices": 1}
    assert strategy(config, "gpu", None) == {"devices": [0]}
    arguments = strategy(config, "gpu", WORLD)
    assert (arguments["devices"], arguments["num_nodes"], gpu_index(config, WORLD)) == (4, 2, 1)
    assert isinstance(arguments["strategy"], DDPStrategy)
    assert arguments["strategy"]._ddp_kwargs == {"find_unused_parameters": finds}


def test_listed_gpus() -> None:
    config = trainer_config("trainer.devices=[4,6,2,3]", "trainer.num_nodes=2")
    assert strategy(config, "gpu", None) == {"devices": [4]}
    assert (strategy(config, "gpu", WORLD)["devices"], gpu_index(config, WORLD)) == ([4, 6, 2, 3], 6)
