"""A head that is solved after one pass over the rows, in a run that is killed during the pass."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder

COMMON = ["callbacks.checkpoint.every_n_steps=3", "logger=csv", "callbacks.curves.png=false", "trainer.threads=1",
          "data.batch_size=8"]  # fmt: skip
SETTINGS = {
    "minirocket": ["data=rainfall", "data.stations=2", "data.hours=500", "data.window=24", "model=minirocket",
                   "model.num_features=168"],
    "logistic_lags": ["data=rainfall", "data.stations=2", "data.hours=500", "data.window=24", "model=logistic_lags"],
    "linear": ["data=maintenance", "data.num_rows=120", "model=linear", "model.c=0.3"],
}  # fmt: skip


@pytest.mark.parametrize("name", ["minirocket", "linear", pytest.param("logistic_lags", marks=pytest.mark.slow)])
def test_killed_and_resumed_it_is_solved_from_all_rows(warm: Any, tmp_path: Path, name: str) -> None:
    settings = [*SETTINGS[name], *COMMON]
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    assert warm.run(uninterrupted, settings) == 0
    assert warm.run(killed, settings, kill_at=7) == 9
    assert warm.run(killed, [*settings, f"resume={killed}"]) == 0
    expected, actual = (
        torch.load(RunFolder(folder).best, weights_only=True)["state_dict"] for folder in (uninterrupted, killed)
    )
    assert expected.keys() == actual.keys()
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    scores = [RunFolder(folder).read()["metrics"] for folder in (uninterrupted, killed)]
    assert scores[0] == scores[1]
