"""Every file of conf/sweep/ is valid: its blocks can be read, and its first trials pass the check."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from lab.config.check import check
from lab.early_termination.parsing import parse
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.truncation_selection import TruncationSelection
from lab.sweep.definition.load import load_plan
from lab.sweep.search_space.samplers import build_sampler, uniforms
from lab.sweep.search_space.space import Space
from lab.sweep.search_space.words import in_words

CONF = Path(__file__).parent.parent.parent / "conf"
WITHOUT_SPACE = {"azure", "basic", "optuna"}
METHODS = ("none", "lora", "dora", "qlora", "qdora")
NAMES = sorted(path.stem for path in (CONF / "sweep").glob("*.yaml"))


def node(name: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), job_name="train"):
        sweep = OmegaConf.to_container(compose("config", [f"sweep={name}"]).sweep)
    assert isinstance(sweep, dict)
    return sweep  # type: ignore[return-value]


def space_of(name: str, *overrides: str) -> Space:
    """The space of a file, whose ranges around defaults have become numbers."""
    with initialize_config_dir(str(CONF), job_name="train"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [f"sweep={name}", *overrides], RunMode.MULTIRUN)
        return load_plan(loader, config, list(config.hydra.overrides.task)).space


def first_trials(space: Space) -> list[dict[str, Any]]:
    """At most four points: of the grid where there is one, else of a Sobol sequence."""
    size = space.size()
    if size is not None:
        return [space.values(space.point(number)) for number in islice(range(size), 4)]
    points = [uniforms("sobol", 0, number, len(space.parameters)) for number in range(4)]
    return [space.values(space.at(point)) for point in points]


def test_the_files_are_there() -> None:
    factors = {"lr", "batch_size", "epochs", "weight_decay", "encoder", "warmup", "scheduler", "presets"}
    examples = {"grid", "imdb_bayesian", "text", "azure_grid", "azure_random", "azure_sobol", "azure_bayesian"}
    tasks = {"peft", "rainfall"}
    assert factors | examples | tasks | WITHOUT_SPACE == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_SPACE])
def test_its_trials_pass_the_check(name: str) -> None:
    sweep = node(name)
    space = space_of(name)
    build_sampler(sweep["sampling_algorithm"], space)
    parse(sweep["early_termination"])
    with initialize_config_dir(str(CONF), job_name="train"):
        for values in first_trials(space):
            config = compose("config", [f"sweep={name}", *space.overrides(values)])
            for key, value in values.items():
                if key == "experiment":  # the config has no key for a recipe, only the keys that it sets
                    assert config.model == compose("config", [f"experiment={value}"]).model
                    continue
                chosen = OmegaConf.select(config, key)
                named = {"model": "name", "peft": "kind"}.get(key)
                assert value == (chosen[named] if named else chosen)
            check(config)


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("lr", "optimizer.lr", [1e-3, 2e-3, 3e-3, 5e-3]),
        ("batch_size", "data.batch_size", [4, 8, 16, 32]),
        ("epochs", "trainer.max_epochs", [2, 3, 5, 10]),
        ("weight_decay", "optimizer.weight_decay", [0.001, 0.01, 0.1]),
        ("encoder", "model", ["distilbert", "bert", "roberta", "albert"]),
    ],
)
def test_one_factor_at_a_time(name: str, key: str, values: list[Any]) -> None:
    assert first_trials(space_of(name)) == [{key: value} for value in values]


@pytest.mark.parametrize(("model", "rate"), [("ngram", 7e-3), ("tiny", 2e-3), ("minilm", 1e-4)])
@pytest.mark.parametrize("name", ["text", "grid", "lr"])
def test_the_rates_follow_the_model(name: str, model: str, rate: float) -> None:
    drawn = {p.key: p.distribution for p in space_of(name, f"model={model}").parameters}["optimizer.lr"]
    assert in_words(drawn) in (
        f"{rate / 4:g} to {rate * 4:g} (log)",
        f"{rate / 2:g}, {rate:g}",
        f"{rate / 2:g}, {rate:g}, {rate * 1.5:g}, {rate * 2.5:g}",
    )


def test_the_three_presets() -> None:
    keys = ("optimizer.lr", "trainer.max_epochs", "optimizer.weight_decay")
    rows = [tuple(map(values.get, keys)) for values in first_trials(space_of("presets", "experiment=imdb_baseline"))]
    assert rows == [(1e-5, 5, 0.1), (2e-5, 3, 0.01), (5e-5, 5, 0.01)]


def test_methods_are_compared_fairly() -> None:
    space = space_of("peft", "experiment=peft_full")
    trials = [space.values(space.point(number)) for number in range(space.size() or 0)]
    assert len(trials) == 5 * 3 * 2 * 3
    rates = {method: {trial["optimizer.lr"] for trial in trials if trial["peft"] == method} for method in METHODS}
    assert all(len(values) >= 3 for values in rates.values())
    assert max(rates["none"]) <= min(rates["lora"]), "training everything wants lower rates"
    for method in METHODS:
        assert {(t["trainer.max_epochs"], t["seed"]) for t in trials if t["peft"] == method} == {
            (epochs, seed) for epochs in (2, 3) for seed in (1, 2, 3)
        }


def test_the_automatic_search() -> None:
    sweep = node("imdb_bayesian")
    assert sweep["limits"]["max_total_trials"] == 10
    assert set(sweep["search_space"]) == {
        "optimizer.lr", "data.batch_size", "trainer.max_epochs", "optimizer.weight_decay",
    }  # fmt: skip
    with initialize_config_dir(str(CONF), job_name="train"):
        assert compose("config", ["sweep=imdb_bayesian"]).data.kind == "imdb"


def test_every_policy_of_azures_has_an_example() -> None:
    policies = {type(parse(node(name)["early_termination"])) for name in NAMES if name.startswith("azure_")}
    assert {Bandit, MedianStopping, TruncationSelection} <= policies


@pytest.mark.parametrize(("name", "sweeper"), [("optuna", "OptunaSweeper"), ("basic", "BasicSweeper")])
def test_sweepers_that_are_not_ours(name: str, sweeper: str) -> None:
    if name == "optuna":
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    with initialize_config_dir(str(CONF), job_name="train"):
        composed = compose("config", [f"sweep={name}"], return_hydra_config=True)
    assert str(composed.hydra.sweeper._target_).endswith(sweeper)
    assert composed.hydra.sweeper.params


@pytest.mark.parametrize(
    ("name", "overrides", "jobs"),
    [("optuna", ["hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2"], 3), ("basic", [], 4)],
)
def test_they_work_with_train_py(toy: Any, name: str, overrides: list[str], jobs: int) -> None:
    """The shipped files, each job in a process of its own."""
    if name == "optuna":
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    folder = "hydra.sweep.dir=there"
    process = toy.begin(folder, *overrides, choice=name, epoch_s=0)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0, out
    records = [json.loads(path.read_text()) for path in sorted(Path("there").glob("*/run.json"))]
    assert [record["sweep"]["trial"] for record in records] == list(range(jobs))
    assert {record["status"] for record in records} == {"completed"}
    if name == "optuna":
        best = yaml.safe_load(Path("there/optimization_results.yaml").read_text())
        assert best["best_value"] == max(record["objective"]["value"] for record in records)
