"""Samplers: samples depend on seed and trial number, and on reported values, but not on earlier calls."""

import subprocess
import sys
from itertools import product
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from scipy.stats.qmc import Sobol

from lab.core.errors import RequestError
from lab.sweep.search_space import samplers
from lab.sweep.search_space.samplers import build_sampler, uniforms
from lab.sweep.search_space.space import Space, parse_space

BLOCK = {
    "optimizer.lr": {"type": "loguniform", "low": 1e-5, "high": 1e-3},
    "data.batch_size": {"type": "choice", "values": [8, 16, 32]},
    "model.dropout": {"type": "quniform", "min_value": 0, "max_value": 0.5, "q": 0.1},
    "optimizer.weight_decay": {"type": "lognormal", "mu": -3, "sigma": 1},
}
SPACE = parse_space(BLOCK)
NUMBERS = parse_space({key: law for key, law in BLOCK.items() if key != "data.batch_size"})


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def loss(values: dict[str, Any]) -> float:
    return sum(float(value) for value in values.values())


def search(
    block: Any, num_trials: int, study: optuna.Study | None = None, space: Space = SPACE
) -> list[dict[str, Any]]:
    """Ask and tell up to `num_trials` in total, every fifth trial pruned; with a new sampler, as after a resume."""
    study = study or optuna.create_study(direction="minimize")
    study.sampler = build_sampler(block, space)
    for number in range(len(study.trials), num_trials):
        trial = study.ask(space.distributions())
        value = loss(space.values(trial.params))
        trial.report(value, 1)
        study.tell(trial, *((None, TrialState.PRUNED) if number % 5 == 4 else (value,)))
    return [space.values(trial.params) for trial in study.trials]


RANDOM, SOBOL = {"type": "random", "seed": 7}, {"type": "Random", "rule": "Sobol", "seed": 7}
ALL = [RANDOM, SOBOL, {"type": "bayesian", "seed": 7}, {"type": "tpe", "seed": 7}]


@pytest.mark.parametrize("block", [*ALL, {"type": "gp", "seed": 7}], ids=str)
def test_a_resumed_study_samples_the_same_as_an_uninterrupted_one(block: Any) -> None:
    uninterrupted = search(block, 16)
    study = optuna.create_study(direction="minimize")
    for reached in (1, 9, 13, 16):
        resumed = search(block, reached, study)
    assert resumed == uninterrupted
    assert search(block | {"seed": 8}, 16) != uninterrupted


@pytest.mark.parametrize("block", ALL, ids=str)
def test_no_trial_is_drawn_twice(block: Any) -> None:
    assert len({str(values) for values in search(block, 16)}) == 16


def test_a_resumed_cmaes_samples_the_same() -> None:
    pytest.importorskip("cmaes")
    uninterrupted = search({"type": "cmaes", "seed": 7}, 20, space=NUMBERS)
    study = optuna.create_study(direction="minimize")
    for reached in (5, 12, 20):
        resumed = search({"type": "cmaes", "seed": 7}, reached, study, NUMBERS)
    assert resumed == uninterrupted


@pytest.mark.parametrize("block", [RANDOM, SOBOL], ids=str)
def test_another_process_samples_the_same_trial(block: Any) -> None:
    code = (
        "import optuna\n"
        "from lab.sweep.search_space.samplers import build_sampler\n"
        "from lab.sweep.search_space.space import parse_space\n"
        f"space = parse_space({BLOCK!r})\n"
        "study = optuna.create_study()\n"
        f"study.sampler = build_sampler({block!r}, space)\n"
        "for _ in range(5): study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.FAIL))\n"
        "print(space.values(study.ask(space.distributions()).params))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(search(block, 6)[5])


def test_sobol_is_scipys_scrambled_sequence_over_all_dimensions() -> None:
    points = Sobol(4, scramble=True, rng=7).random(64)
    assert np.array_equal([uniforms("sobol", 7, number, 4) for number in range(64)], points)
    drawn = search(SOBOL, 16)
    assert drawn == [SPACE.values(SPACE.at([float(u) for u in point])) for point in points[:16]]
    sizes = [values["data.batch_size"] for values in search(SOBOL, 32)]
    assert max(sizes.count(size) for size in (8, 16, 32)) - min(sizes.count(size) for size in (8, 16, 32)) <= 2


def test_sobol_fills_the_cube_more_evenly_than_chance() -> None:
    from scipy.stats.qmc import discrepancy

    def spread(rule: str) -> float:
        return float(discrepancy([uniforms(rule, 3, number, 4) for number in range(64)]))

    assert spread("sobol") < spread("random") / 2


def test_random_trials_are_independent() -> None:
    points = np.array([uniforms("random", 0, number, 3) for number in range(4000)])
    along = [np.corrcoef(points[:-1, i], points[1:, j])[0, 1] for i, j in product(range(3), range(3))]
    across = np.corrcoef(points.T)[np.triu_indices(3, 1)]
    assert max(map(abs, [*along, *across])) < 4 / np.sqrt(4000)
    assert uniforms("random", 0, 1, 3) != uniforms("random", 1, 0, 3)


def test_the_order_in_which_parameters_are_written_does_not_matter() -> None:
    backwards = parse_space(dict(reversed(BLOCK.items())))
    for block in (RANDOM, SOBOL):
        assert search(block, 4, space=backwards) == search(block, 4)


def test_a_grid_goes_through_every_point_once_also_across_a_resume() -> None:
    space = parse_space({"b": "8,16", "a": {"type": "randint", "upper": 3}})
    study = optuna.create_study()
    search("grid", 2, study, space)
    assert search("Grid", 6, study, space) == [{"a": a, "b": b} for a, b in product(range(3), (8, 16))]


def test_trials_before_the_model_follow_the_distributions() -> None:
    assert search({"type": "bayesian", "seed": 7}, 10) == search(RANDOM, 10)
    assert search({"type": "bayesian", "seed": 7}, 16)[12:] != search(RANDOM, 16)[12:]


def test_parallel_trials_of_tpe_differ() -> None:
    study = optuna.create_study(direction="minimize")
    search({"type": "bayesian", "seed": 7}, 20, study)
    sampled = [study.ask(SPACE.distributions()).params for _ in range(4)]
    assert len({str(params) for params in sampled}) == 4


@pytest.mark.parametrize("block", [{"type": "bayesian", "seed": 1}, {"type": "gp", "seed": 1}], ids=str)
def test_a_model_finds_better_values_than_chance(block: Any) -> None:
    space = parse_space({"x": "interval(-1,1)", "y": "interval(-1,1)", "z": {"type": "normal", "mu": 0, "sigma": 1}})

    def best(block: Any) -> float:
        study = optuna.create_study(direction="minimize")
        study.sampler = build_sampler(block, space)
        for _ in range(35):
            trial = study.ask(space.distributions())
            study.tell(trial, sum(value**2 for value in space.values(trial.params).values()))
        return study.best_value

    assert best(block) < best({"type": "random", "seed": 1})


def test_the_default_seed_is_always_the_same() -> None:
    assert search("random", 3) == search({"type": "random", "seed": 0}, 3) == search({"type": "random"}, 3)
    assert search("sobol", 3) == search({"type": "random", "rule": "sobol"}, 3)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("grid", {"search_space.model.dropout_rate": "has no grid", "search_space.optimizer.lr": "has no grid"}),
        ("gird", {"sampling_algorithm.type": "must be one of grid, random"}),
        ({"rule": "sobol"}, {"sampling_algorithm.type": "is missing"}),
        (
            {"type": "random", "rule": "halton", "seed": -1, "sed": 3},
            {"sampling_algorithm.seed": "", "sampling_algorithm.rule": "random, sobol", "sampling_algorithm.sed": ""},
        ),
        ({"type": "bayesian", "rule": "sobol"}, {"sampling_algorithm.rule": "no such key"}),
        (
            {"type": "grid", "seed": 1},
            {
                "sampling_algorithm.seed": "no such key",
                "search_space.optimizer.lr": "",
                "search_space.model.dropout_rate": "",
            },
        ),
    ],
    ids=str,
)
def test_every_mistake_is_named(block: Any, expected: dict[str, str]) -> None:
    space = parse_space({"optimizer.lr": "interval(0,1)", "model.dropout_rate": "interval(0,1)", "seed": "1,2"})
    with pytest.raises(RequestError) as caught:
        build_sampler(block, space)
    problems = {mistake.key.removeprefix("sweep."): mistake.problem for mistake in caught.value.mistakes}
    assert set(problems) == set(expected)
    assert [key for key, text in expected.items() if text not in problems[key]] == []


def test_cmaes_names_what_it_does_not_support(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "is_installed", lambda name: False)
    with pytest.raises(RequestError) as caught:
        build_sampler("cmaes", parse_space({"seed": "1,2"}))
    words = ["pip install 'cmaes>=0.13'", "seed: is a choice", "at least two"]
    assert [word for word in words if word not in str(caught.value)] == []
