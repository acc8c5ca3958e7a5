"""A recipe gives settings only, wherever its file comes from; that of a run of our own is used as it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

from lab.cli.command_line import parse
from lab.cli.recipes import foreign_recipe, recipe, write_best
from lab.core.record.run_folder import RunFolder
from lab.core.record.seal import sealed

CONF = Path("conf").absolute()
SOUND: dict[str, Any] = {
    "trainer": {"max_epochs": 12},
    "cache": {"dir": "${oc.env:LAB_CACHE,'~/.cache/lab'}"},
    "logger": {"mlflow": {"tracking_uri": "sqlite:///mlflow.db", "experiment": "lab"}},
    "experiment_name": "lab",
}


def problems(tmp_path: Path, text: str) -> str:
    (tmp_path / "experiment").mkdir(exist_ok=True)
    (tmp_path / "experiment" / "best.yaml").write_text(text)
    typed = parse(["train.py", "--config-dir", str(tmp_path), "experiment=best"])
    return "\n".join(map(str, foreign_recipe(typed, CONF)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# @package _global_\nhydra: {job: {env_set: {LD_PRELOAD: evil.so}}}\n", "hydra: is no setting"),
        ("# @package _global_\ndefaults: [{override /hydra/launcher: basic}]\n", "may only choose"),
        ("# @package _global_\ndefaults: [{override /model: ../../evil}]\n", "may only choose"),
        ("# @package _global_\ndefaults: [{override /model: evil}]\n", "from conf/"),
        ("# @package _global_\ndefaults: [{override /model: [tiny, evil]}]\n", "from conf/"),
        ("# @package hydra\nsweep: {dir: /}\n", "begins with"),
        ("# @package _global_\nexperiment_name: ${oc.env:TOKEN}\n", "not written by you"),
        ("# @package _global_\n5\n", "cannot be read"),
    ],
)
def test_a_recipe_gives_settings_only(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in problems(tmp_path, text)


def test_a_recipe_of_our_own_is_used(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    (run.path / ".hydra").mkdir(parents=True)
    choices = {"model": "tiny", "data": "../evil", "hydra/launcher": "basic", "experiment": "x", "logger": "csv"}
    (run.path / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}))
    evil = {"hydra": {"job": {"env_set": {"LD_PRELOAD": "x"}}}, "unknown": 1}
    run.config.write_text(sealed(yaml.safe_dump(SOUND | {"seed": 3} | evil)))
    path = write_best(tmp_path, recipe(run, "best\nhydra: {}"))
    written = yaml.safe_load(path.read_text())
    assert written["defaults"] == [{"override /model": "tiny"}, "_self_"]
    assert set(written) == {"defaults", "trainer", "cache", "experiment_name", "seed"}
    assert "dir" not in written["cache"]
    assert problems(tmp_path, path.read_text()) == ""


def test_other_lines_are_not_looked_at(tmp_path: Path) -> None:
    assert foreign_recipe(parse(["train.py", "experiment=best"]), CONF) == []
    assert foreign_recipe(parse(["train.py", "--config-dir", str(tmp_path), "experiment=best"]), CONF) == []


def test_a_choice_beside_a_recipe_is_not_composed(tmp_path: Path) -> None:
    """A file of the recipe's folder could set what it likes; a shipped one of its name comes first."""
    (tmp_path / "model").mkdir()
    shipped = (CONF / "model" / "ngram.yaml").read_text()
    for name in ("evil", "ngram"):
        (tmp_path / "model" / f"{name}.yaml").write_text("# @package _global_\nexperiment_name: stranger\n" + shipped)
    assert "evil" in problems(tmp_path, "# @package _global_\ndefaults: [{override /model: evil}, _self_]\n")
    assert problems(tmp_path, "# @package _global_\ndefaults: [{override /model: ngram}, _self_]\n") == ""
    with initialize_config_dir(str(CONF), job_name="train"):
        config = compose("config", [f"hydra.searchpath=[file://{tmp_path}]", "experiment=best"])
    assert config.experiment_name == "lab"


@pytest.mark.parametrize("word", ["experiment=[best]", "experiment=['best']", "+experiment=best", "experiment=best,x"])
def test_a_recipe_is_looked_at_however_it_is_named(tmp_path: Path, word: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "best.yaml").write_text("# @package _global_\nhydra: {verbose: true}\n")
    assert foreign_recipe(parse(["train.py", "--config-dir", str(tmp_path), word]), CONF)
