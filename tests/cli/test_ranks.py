"""What the environment has started must fit the config, and which processes join the run of another one."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from lab.cli import ranks
from lab.cli.command_line import parse
from lab.config.check import check
from lab.config.schema import Config
from lab.core.errors import Mistake, RequestError
from lab.core.processes.world import World

CONF = Path(__file__).resolve().parents[2] / "conf"
TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none", "RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500",
}  # fmt: skip
SLURM = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "1"}
TWO = ["trainer.devices=2", "trainer.strategy=ddp"]


def config_of(*words: str) -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", list(words)))


@pytest.mark.parametrize(
    ("environment", "words", "remedy"),
    [
        ({"A": "b"}, TWO, None),
        ({"A": "b"}, ["trainer.num_nodes=2"], "torchrun --nnodes=2 --nproc-per-node=1"),
        (TORCHRUN, [*TWO, "trainer.num_nodes=2"], None),
        (TORCHRUN, [], "trainer.strategy=ddp trainer.devices=2 trainer.num_nodes=2"),
        (TORCHRUN, TWO, "trainer.strategy=ddp trainer.devices=2 trainer.num_nodes=2"),
        (TORCHRUN, ["trainer.devices=4"], "trainer.strategy=ddp trainer.devices=2 trainer.num_nodes=2"),
        (SLURM, TWO, None),
        (SLURM, [], None),  # tasks that are runs of their own
        (SLURM, ["trainer.devices=3"], "trainer.strategy=ddp trainer.devices=2 trainer.num_nodes=1"),
    ],
)
def test_processes_fit_the_config(environment: dict[str, str], words: list[str], remedy: str | None) -> None:
    mistakes = ranks.missing(config_of(*words), environment)
    if remedy is None:
        assert mistakes == []
    else:
        assert [mistake.remedy.startswith(remedy) for mistake in mistakes] == [True]


@pytest.mark.parametrize(
    ("words", "gpus", "devices", "strategy"),
    [
        (["trainer.devices=auto"], 0, 1, "auto"),
        (["trainer.devices=auto"], 3, 3, "auto"),
        (["trainer.devices=auto", "trainer.strategy=ddp"], 0, 1, "auto"),
        (["trainer.devices=auto", "trainer.strategy=ddp"], 2, 2, "ddp"),
        (["trainer.devices=auto", "trainer.strategy=single_device"], 1, 1, "single_device"),
        (["trainer.devices=auto", "trainer.accelerator=cpu", "trainer.strategy=ddp"], 2, 1, "auto"),
        (["trainer.devices=auto", "trainer.num_nodes=2", "trainer.strategy=ddp"], 0, 1, "ddp"),
        (["trainer.devices=-1"], 2, 2, "auto"),
        (["trainer.devices=2", "trainer.strategy=ddp"], 4, 2, "ddp"),
    ],
)
def test_all_devices_are_a_number(
    monkeypatch: pytest.MonkeyPatch, words: list[str], gpus: int, devices: int, strategy: str
) -> None:
    monkeypatch.setattr("lab.core.processes.devices.num_gpus", lambda: gpus)
    monkeypatch.setattr(ranks, "num_gpus", lambda: gpus)
    trainer = ranks.with_number(config_of(*words)).trainer
    assert (trainer.devices, trainer.strategy) == (devices, strategy)


@pytest.mark.parametrize(
    ("words", "gpus", "key", "remedy"),
    [
        (["trainer.devices=-1"], 0, "trainer.devices", "trainer.devices=auto"),
        (["trainer.devices=auto", "trainer.strategy=single_device"], 2, "trainer.strategy", "trainer.strategy=ddp"),
        (["trainer.devices=auto", "model=linear"], 2, "trainer.devices", "trainer.devices=1"),
    ],
)
def test_what_does_not_go_with_their_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, words: list[str], gpus: int, key: str, remedy: str
) -> None:
    monkeypatch.setattr("lab.core.processes.devices.num_gpus", lambda: gpus)
    monkeypatch.setattr(ranks, "num_gpus", lambda: gpus)
    with pytest.raises(RequestError) as refused:
        ranks.with_number(config_of(*words))
    assert [(each.key, each.remedy.startswith(remedy)) for each in refused.value.mistakes] == [(key, True)]


def test_trials_below_torchrun_are_refused() -> None:
    with pytest.raises(RequestError, match="each trial of -m starts its own"):
        ranks.refuse_multirun(parse(["train.py", "-m", "seed=1,2"]), TORCHRUN)
    ranks.refuse_multirun(parse(["train.py", "-m", "seed=1,2"]), SLURM)
    ranks.refuse_multirun(parse(["train.py"]), TORCHRUN)


def outcome(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: list[str], wrong: bool = False) -> Any:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    argv, joined = ["train.py", *words], list[World]()

    def sound() -> list[str]:
        if wrong:
            raise RequestError(Mistake("", "wrong"))
        return argv

    def join(world: World) -> int:
        joined.append(world)
        return 7

    return ranks.joined(argv, CONF, "config", sound, join), len(joined)


@pytest.mark.parametrize(
    ("environment", "words", "expected"),
    [
        ({}, TWO, (None, 0)),
        (TORCHRUN | {"RANK": "0"}, TWO, (None, 0)),
        (TORCHRUN, [*TWO, "trainer.num_nodes=2"], (7, 1)),
        (TORCHRUN, ["--help"], (0, 0)),
        (TORCHRUN, ["-m", "seed=1,2"], (2, 0)),
        (SLURM, TWO, (7, 1)),
        (SLURM, [], (None, 0)),
        (SLURM, ["-m", "seed=1,2"], (None, 0)),
        (SLURM, [*TWO, "+test=somewhere"], (0, 0)),
    ],
)
def test_who_joins(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: list[str], expected: tuple[int | None, int]
) -> None:
    words = [word.removeprefix("+") for word in words]
    assert outcome(monkeypatch, environment, words) == expected


def test_a_wrong_line_ends_every_rank_and_only_rank_zero_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(monkeypatch, TORCHRUN, TWO, wrong=True) == (2, 0)
    assert capsys.readouterr() == ("", "")
