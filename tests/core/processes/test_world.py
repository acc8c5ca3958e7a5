"""Which rank of which run a process is, by the variables that torchrun and SLURM set."""

import pytest

from lab.core.processes.world import World, first_host, forget_starter, num_devices, num_ranks, started_outside

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "alpha", "MASTER_PORT": "29500",
}  # fmt: skip
SLURM = {
    "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "3", "SLURM_LOCALID": "1",
    "SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_JOB_ID": "100", "SLURM_STEP_ID": "0",
}  # fmt: skip


def test_torchrun() -> None:
    world = started_outside(TORCHRUN)
    assert world == World(5, 8, 1, 4, "alpha", 29500, "torchrun")
    assert world is not None
    assert world.num_nodes == 2


def test_slurm_and_its_ports() -> None:
    world = started_outside(SLURM)
    assert world is not None
    assert (world.rank, world.size, world.local_rank, world.num_local, world.starter) == (3, 4, 1, 2, "slurm")
    assert world.address == "gpu07"
    other = started_outside(SLURM | {"SLURM_STEP_ID": "1"})
    assert other is not None
    assert other.port != world.port
    named = started_outside(SLURM | {"MASTER_PORT": "1234", "MASTER_ADDR": "beta"})
    assert named is not None
    assert (named.address, named.port) == ("beta", 1234)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_JOB_ID": "100", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"},  # the script of a batch job
        SLURM | {"SLURM_STEP_NUM_TASKS": "1"},
        {"RANK": "1", "WORLD_SIZE": "2"},
    ],
)
def test_a_process_of_its_own(environment: dict[str, str]) -> None:
    assert started_outside(environment) is None


@pytest.mark.parametrize("environment", [TORCHRUN, SLURM])
def test_a_job_of_a_multirun_is_started_by_nobody_else(environment: dict[str, str]) -> None:
    own = dict(environment)
    forget_starter(own)
    assert started_outside(own) is None


def test_numbers_of_devices() -> None:
    given = [2, "2", (0, 3), [1], "auto", 0, -1, ()]
    assert [num_devices(each) for each in given] == [2, 2, 2, 1, None, None, None, None]
    assert num_ranks(2, 3) == 6
    assert num_ranks("auto", 1) == 1
    assert first_host("gpu[07-09,12],cpu1") == "gpu07"
