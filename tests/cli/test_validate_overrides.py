"""A whole command line judged at once: choices, keys, values and sweeps, each with what to type instead."""

import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lab.cli.command_line import parse
from lab.cli.optional_packages import PACKAGES, OptionalPackage
from lab.cli.validate_overrides import mistakes
from lab.core.errors import Mistake

CONF = Path(__file__).parents[2] / "conf"


def result(*line: str) -> dict[str, Mistake]:
    return {mistake.key: mistake for mistake in mistakes(parse(["train.py", *line]), CONF)}


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["seed=3", "model=ngram", "logger=[]"],
        ["logger=csv"],
        ["loss.head_weights={causa: .5}", "callbacks.freeze.schedule={0: 2, 3: 0}"],
        ["loss.class_weights={causa: balanced}"],
        ["++seed=4", "data.max_length=auto"],
        ["data=csv", "data.path=a.csv", "data.text=[a]", "data.labels=[b]"],
        [
            "-m",
            "sweep=text",
            "seed=1,2",
            "model=tiny,ngram",
            "optimizer.lr=interval(1e-5, 1e-3)",
            "trainer.max_epochs=range(1,4)",
        ],
        ["hydra.run.dir=x", "hydra/job_logging=terminal", "hydra.job.chdir=false"],
        ["experiment=reports_beto_fast", "optimizer.lr=1e-5"],
    ],
)
def test_a_sound_line_has_no_mistakes(line: list[str]) -> None:
    assert result(*line) == {}


def test_choices_keys_values_and_additions_are_reported_together() -> None:
    judged = result("model=betto", "optimizr.lr=1", "trainer.precision=17", "+foo=1")
    assert list(judged) == ["model", "optimizr.lr", "foo", "trainer.precision"]
    assert judged["model"].remedy == "model=beto"
    assert judged["optimizr.lr"].remedy == "optimizer.lr=1"


@pytest.mark.parametrize(
    ("override", "key", "words", "remedy"),
    [
        ("logger=[csv,wnadb]", "logger", "csv, mlflow", "logger=wandb"),
        ("scheduler=zzz", "scheduler", "linear", "scheduler="),
        ("experiment=null", "experiment", "must be one of", "leave out experiment"),
        ("modle=beto", "modle", "nearest is model", "model=beto"),
        ("lr=3", "lr", "optimizer.lr", "optimizer.lr=3"),
        ("data.path=a.csv", "data.path", "belongs to data=csv", "data=csv data.path=a.csv"),
        ("model.buckets=3", "model.buckets", "belongs to model=ngram", "model=ngram model.buckets=3"),
        ("+seed=3", "+seed", "exists already", "seed=3"),
        ("~sed", "sed", "nearest is seed", "~seed"),
        ("seed=1,2", "seed", "needs -m", "-m seed=1,2"),
        ("data.text=[a", "data.text", "cannot be read", "'data.text=[a]'"),
        ("loss.head_weights.causa=.5", "loss.head_weights.causa", "set as a whole", "'loss.head_weights={causa: .5}'"),
        ("word", "", "not key=value", "word="),
        ("optimizer.lr=${modl.lr}", "optimizer.lr", "modl.lr", ""),
        ("+optimizer.momentum=.9", "optimizer.momentum", "no such key", ""),
    ],
)
def test_one_slip(override: str, key: str, words: str, remedy: str) -> None:
    judged = result(override)
    assert list(judged) == [key]
    assert words in judged[key].problem
    assert remedy in judged[key].remedy


def test_a_key_that_is_given_under_a_near_name_is_not_missed_as_well() -> None:
    judged = result("data=csv", "data.path=a.csv", "data.text=[t]", "data.label=[motivo]")
    assert {key: mistake.remedy for key, mistake in judged.items()} == {"data.label": "'data.labels=[motivo]'"}


def test_a_misspelt_choice_is_read_as_its_nearest_for_the_keys_beside_it() -> None:
    judged = result("data=cvs", "data.path=a.csv", "data.encodng=latin-1")
    assert set(judged) == {"data", "data.encodng", "data.text", "data.labels"}
    assert judged["data.encodng"].remedy == "data.encoding=latin-1"


def test_keys_below_a_choice_that_nothing_resembles_are_not_judged() -> None:
    assert set(result("data=zzzzzz", "data.path=a.csv", "seed=x")) == {"data", "seed"}


def test_every_value_of_a_sweep_is_judged() -> None:
    judged = result("-m", "seed=1,x", "model=tiny,betto", "optimizr.lr=1,2")
    assert set(judged) == {"model", "seed", "optimizr.lr"}
    assert judged["seed"].value == "x"


def test_contradictions_of_one_job_are_seen() -> None:
    assert set(result("-m", "model=tiny,ngram", "callbacks.freeze.layers=1")) == {"callbacks.freeze.layers"}


def test_a_launcher_that_is_not_installed_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "nowhere", OptionalPackage("a-launcher>=2", ("hydra/launcher=nowhere",)))
    assert result("-m", "hydra/launcher=nowhere", "seed=1,2")["hydra/launcher"].remedy == "pip install 'a-launcher>=2'"


def test_a_folder_of_ones_own_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "best.yaml").write_text("# @package _global_\nseed: 7\n")
    assert result("--config-dir", str(tmp_path), "experiment=best") == {}
    assert "best" in result("--config-dir", str(tmp_path), "experiment=bets")["experiment"].remedy
    assert "no such folder" in result("--config-dir", str(tmp_path / "nope"))[""].problem


def test_a_config_that_does_not_exist_is_named() -> None:
    assert "no nope.yaml" in result("--config-name", "nope")[""].problem


def test_a_resumed_run_keeps_its_parts(tmp_path: Path) -> None:
    with initialize_config_dir(str(CONF)):
        OmegaConf.save(compose("config"), tmp_path / "config.yaml", resolve=True)
    own = ["--config-path", str(tmp_path), "--config-dir", str(CONF), f"++resume='{tmp_path}'"]
    assert result(*own, "trainer.max_epochs=20") == {}
    assert "only single keys" in result(*own, "model=beto")["model"].problem


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("data.encodng", ["data=csv", "data.encodng=a b"]),
        ("+experiment_name", ["+experiment_name=a b"]),
        ("trainer.max_epochs.x", ["trainer.max_epochs.x=a b"]),
    ],
)
def test_remedies_with_spaces_can_be_typed(key: str, line: list[str]) -> None:
    (word,) = shlex.split(result(*line)[key].remedy)
    assert "a b" in word


@pytest.mark.parametrize("typed", ["nonsense", "zzzzzz=1"])
def test_a_hint_names_no_script_which_may_lie_elsewhere(typed: str) -> None:
    assert all("train.py" not in mistake.remedy for mistake in result(typed).values())
