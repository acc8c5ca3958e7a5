"""A run that is killed and resumed equals the straight one: weights, optimizer, metrics, history, training means."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.record import RunFolder

COSTS = ("_per_s", "_gib")
"""What may differ between two runs of the same: how fast it went and what it took."""
SETTINGS = [
    "data.num_rows=400", "data.batch_size=8", "trainer.max_epochs=4", "loss.class_weights=balanced", "logger=csv",
    "loss.weighting=uncertainty", "callbacks.freeze.layers=2", "callbacks.unfreeze.schedule={0:2,1:1,3:0}",
    "callbacks.accumulate.batches=4", "callbacks.accumulate.schedule={2:3}", "callbacks.checkpoint.every_n_steps=3",
    "callbacks.early_stopping.patience=3", "scheduler=cosine", "callbacks.curves.png=false", "trainer.threads=1",
    "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64", "model.vocabulary_size=500",
]  # fmt: skip
BATCHES = 4 * 40


@pytest.fixture(scope="module")
def straight(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("straight")
    assert warm.run(folder, SETTINGS) == 0
    return RunFolder(folder)


def without_costs(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(COSTS)}


def assert_equal_runs(one: RunFolder, other: RunFolder) -> None:
    assert [without_costs(row) for row in one.history()] == [without_costs(row) for row in other.history()]
    first, second = one.read(), other.read()
    for field in ("status", "reason", "objective", "metrics", "baselines", "parameters", "data"):
        if field == "metrics":
            first[field]["train"], second[field]["train"] = (
                without_costs(record[field]["train"]) for record in (first, second)
            )
        assert first[field] == second[field], field
    for path, twin in ((one.best, other.best), (one.last, other.last)):
        a, b = (torch.load(file, weights_only=True) for file in (path, twin))
        assert a["state_dict"].keys() == b["state_dict"].keys()
        assert all(torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in a["state_dict"]), path.name
    states = [torch.load(run.last, weights_only=True)["optimizer_states"][0]["state"] for run in (one, other)]
    assert states[0].keys() == states[1].keys()
    for key, values in states[0].items():
        assert all(torch.equal(torch.as_tensor(v), torch.as_tensor(states[1][key][n])) for n, v in values.items())


def test_the_same_command_twice_gives_identical_metrics(warm: Any, straight: RunFolder, tmp_path: Path) -> None:
    assert warm.run(tmp_path / "again", SETTINGS) == 0
    assert_equal_runs(straight, RunFolder(tmp_path / "again"))


def killed_and_resumed(warm: Any, folder: Path, kill_at: list[int]) -> RunFolder:
    run = RunFolder(folder)
    for number, at in enumerate(kill_at):
        again = [f"resume={folder}"] if number and run.last.exists() else []
        assert warm.run(folder, SETTINGS + again, kill_at=at) == 9, "SIGKILL"
        assert run.read()["status"] == "interrupted"
    again = [f"resume={folder}"] if run.last.exists() else []
    assert warm.run(folder, SETTINGS + again) == 0
    return run


# in the first epoch, in the middle of an accumulation window, on an epoch's last and first batch, in the tail window
@pytest.mark.parametrize("kill_at", [[5], [80, 17], [81], [119]])
def test_killed_and_resumed_equals_straight(warm: Any, straight: RunFolder, tmp_path: Path, kill_at: list[int]) -> None:
    assert_equal_runs(straight, killed_and_resumed(warm, tmp_path / "run", kill_at))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_random_batches(warm: Any, straight: RunFolder, tmp_path: Path, seed: int) -> None:
    at = random.Random(seed).randrange(1, BATCHES + 1)
    assert_equal_runs(straight, killed_and_resumed(warm, tmp_path / "run", [at]))
