"""Single YAML files: which of them set a key, and which overrides replace a sweep file in a trial."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra

from lab.sweep.definition.config_sources import files_setting, trial_overrides

FILES = {
    "config": "defaults: [data: small, _self_, experiment: null, sweep: null]\nobjective: {metric: val/f1}\nlr: 1",
    "data/small": "rows: 1",
    "experiment/plain": "# @package _global_\nlr: 2",
    "experiment/judged": "# @package _global_\nobjective: {metric: val/loss}",
    "experiment/nested": "# @package _global_\ndefaults: [judged]",
    "sweep/search": "# @package _global_\ndefaults: [override /hydra/sweeper: basic]\nsweep: {study: a}",
    "sweep/recipe": "# @package _global_\ndefaults: [override /experiment: plain]\nsweep: {study: a}",
    "sweep/more": "# @package _global_\nlr: 3\nsweep: {study: a}",
}


@pytest.fixture
def loader(tmp_path: Path) -> Iterator[ConfigLoader]:
    for name, text in FILES.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with initialize_config_dir(str(tmp_path), job_name="test"):
        yield GlobalHydra.instance().config_loader()


def test_files_that_set_a_key(loader: ConfigLoader) -> None:
    def givers(*overrides: str) -> list[str]:
        return files_setting("objective", "config", overrides, loader)

    assert givers() == givers("experiment=plain", "lr=5") == []
    assert givers("experiment=judged", "sweep=search") == ["experiment/judged"]
    assert givers("experiment=nested") == ["experiment/judged"]
    assert files_setting("data", "config", [], loader) == ["data/small"]


def test_a_trial_needs_the_groups_of_a_sweep_file_only(loader: ConfigLoader) -> None:
    assert trial_overrides(["sweep=search", "sweep.limits.timeout=3", "lr=5"], loader) == [
        "hydra/sweeper=basic",
        "lr=5",
    ]
    assert trial_overrides(["sweep=recipe", "lr=5"], loader) == ["experiment=plain", "lr=5"]
    assert trial_overrides(["sweep=recipe", "experiment=judged"], loader) == ["experiment=judged"]
    assert trial_overrides(["sweep=more", "lr=5"], loader) == ["sweep=more", "lr=5"]
    assert trial_overrides(["lr=5"], loader) == ["lr=5"]
