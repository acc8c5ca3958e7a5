"""Runs of Timer-XL with `cache.hidden_states`: scores equal to a run without it, and sharing between runs."""

from pathlib import Path
from typing import Any

import pytest

from lab.core.record.run_folder import RunFolder

SETTINGS = [
    "data=rainfall", "data.stations=2", "data.hours=500", "data.window=40", "model=timer_xl", "model.patch=8",
    "model.width=32", "model.num_heads=4", "model.num_layers=3", "model.ffn_width=64", "trainer.max_epochs=1",
    "logger=csv", "callbacks.curves.png=false", "trainer.threads=1", "callbacks.freeze.layers=2",
]  # fmt: skip
KEPT = "cache.hidden_states=true"


def trained(warm: Any, folder: Path, *changes: str) -> RunFolder:
    assert warm.run(folder, [*SETTINGS, f"cache.dir={folder.parent / 'cache'}", *changes]) == 0
    return RunFolder(folder)


def test_scores_are_those_of_a_run_without_it_and_a_second_run_computes_nothing(warm: Any, tmp_path: Path) -> None:
    plain, kept = trained(warm, tmp_path / "plain"), trained(warm, tmp_path / "kept", KEPT)
    for expected, actual in zip(plain.history(), kept.history(), strict=True):
        losses = {name for name in expected if name.startswith("val/")}
        assert {name: actual[name] for name in losses} == pytest.approx(
            {name: expected[name] for name in losses}, abs=1e-5
        )
    assert kept.read()["metrics"]["test"] == pytest.approx(plain.read()["metrics"]["test"], abs=1e-5)
    cache = kept.read()["cache"]
    assert (plain.read()["cache"], cache["hits"], cache["dtype"]) == ({}, 0, "fp32")
    again = trained(warm, tmp_path / "again", KEPT, "optimizer.head_lr=0.01").read()["cache"]
    assert again["hits"] == again["entries"] == cache["entries"] > 0
