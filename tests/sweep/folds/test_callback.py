"""The callback joins the folds of a multirun that has some, and only then."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lab.sweep.folds import join
from lab.sweep.folds.callback import JoinFolds


@pytest.mark.parametrize(("split", "calls"), [({"folds": 3}, 1), ({"folds": None}, 0), (None, 0)])
def test_only_a_multirun_with_folds_is_joined(
    split: object, calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(join, "join_folds", lambda folder: seen.append(folder) or join.Joined([], []))
    JoinFolds().on_multirun_end(
        OmegaConf.create({"data": {"split": split}, "hydra": {"sweep": {"dir": str(tmp_path)}}})
    )
    assert len(seen) == calls
