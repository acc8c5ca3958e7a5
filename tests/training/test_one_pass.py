"""A head that is solved after one pass over the rows, killed in the middle of it."""

from pathlib import Path
from typing import Any

import torch

from lab.core.record.run_folder import RunFolder

SETTINGS = [
    "data=rainfall", "data.stations=2", "data.hours=500", "data.window=24", "data.batch_size=8", "model=minirocket",
    "model.num_features=168", "callbacks.checkpoint.every_n_steps=3", "logger=csv", "callbacks.curves.png=false",
    "trainer.threads=1",
]  # fmt: skip


def test_killed_and_resumed_it_is_solved_from_all_rows(warm: Any, tmp_path: Path) -> None:
    straight, cut = tmp_path / "straight", tmp_path / "cut"
    assert warm.run(straight, SETTINGS) == 0
    assert warm.run(cut, SETTINGS, kill_at=7) == 9
    assert warm.run(cut, [*SETTINGS, f"resume={cut}"]) == 0
    one, other = (torch.load(RunFolder(folder).best, weights_only=True)["state_dict"] for folder in (straight, cut))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    scores = [RunFolder(folder).read()["metrics"] for folder in (straight, cut)]
    assert scores[0] == scores[1]
