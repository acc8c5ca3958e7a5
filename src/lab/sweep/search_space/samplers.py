"""The samplers of a study: grid, random, scrambled Sobol, or Bayesian by Optuna's TPE, GP or CMA-ES.

Every sample is a function of (seed, trial number) and, for the Bayesian samplers, of the finished trials. No state is
kept between trials, so a resumed study samples the same as an uninterrupted one. (Optuna's RandomSampler repeats itself
after a resume, and its QMCSampler treats the first trial differently.) Sobol: scipy.stats.qmc with inverse CDFs.
"""

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from lab.cli.optional_packages import is_installed, not_installed
from lab.config.typed_block import opened
from lab.core.errors import Mistake
from lab.core.registry import SAMPLERS
from lab.sweep.search_space.cmaes_sampler import SafeCmaEsSampler
from lab.sweep.search_space.space import Space

KEY = "sweep.sampling_algorithm"
NUMBERED = ("grid", "random")
"""Samplers whose trials depend on their number only; those of `SAMPLERS` read the finished trials."""
DEFAULT_SEED = 0
Draw = Callable[[int], Mapping[str, Any]]
"""From a trial number to what Optuna stores, by parameter name."""


@SAMPLERS.register("bayesian")
@SAMPLERS.register("tpe")
def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, constant_liar=True)


@SAMPLERS.register("gp")
def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, warn_independent_sampling=False)


@SAMPLERS.register("cmaes")
def _cmaes(seed: int) -> BaseSampler:
    return SafeCmaEsSampler(seed=seed, warn_independent_sampling=False)


def sampler_names() -> tuple[str, ...]:
    """What `sampling_algorithm` may be, samplers of plug-ins included."""
    return (*NUMBERED, *SAMPLERS)


class NumberedSampler(BaseSampler):
    """A sampler whose trials depend on their number only."""

    def __init__(self, space: Space, draw: Draw) -> None:
        self._distributions = space.distributions()
        self._draw = draw

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        return self._distributions

    def sample_relative(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        draw = self._draw(trial.number)
        return {name: draw[name] for name in search_space}

    def sample_independent(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        return self._draw(trial.number)[param_name]


class ModelSampler(NumberedSampler):
    """A model-based sampler of Optuna, created for each trial from the seed and the trial's number.

    Until Optuna's sampler has enough trials for its model (it returns nothing before), trials are random.
    """

    def __init__(self, space: Space, draw: Draw, make: Callable[[int], BaseSampler], seed: int) -> None:
        super().__init__(space, draw)
        self._make, self._seed = make, seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        return {name: distribution for name, distribution in self._distributions.items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        seed = int(np.random.SeedSequence((self._seed, trial.number)).generate_state(1)[0])
        sampler = self._make(seed)
        with _one_thread() if isinstance(sampler, GPSampler) else nullcontext():
            return sampler.sample_relative(study, trial, search_space)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Optuna's GP uses torch, whose threads do not survive the fork of the trials' server once they have started."""
    torch = importlib.import_module("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def build_sampler(block: Mapping[str, Any] | str, space: Space) -> BaseSampler:
    """Return the sampler of a `sampling_algorithm` block: `type` grid, random (`rule` random or sobol) or bayesian.

    `bayesian` is `tpe`, multivariate with constant liar; `gp` and `cmaes` are types of their own. Unlike Azure's it
    supports every distribution. seed: the same seed gives the same trials; 0 if none is given.
    Raises RequestError with every mistake: a grid over a continuous distribution, CMA-ES over a choice.
    """
    if isinstance(block, str) and block.lower() == "sobol":
        block = {"type": "random", "rule": "sobol"}
    kind, read = opened(block, KEY, sampler_names())
    seed = read.whole("seed", DEFAULT_SEED) if kind != "grid" else DEFAULT_SEED
    if kind == "random" and read.has("logbase") and _base(read.given["logbase"]) is None:
        read.wrong("logbase", "must be e, or a number greater than 0 that is not 1", mended={"logbase": 10})
    rule = read.word("rule", ("random", "sobol"), "random") if kind == "random" else "random"
    if kind == "grid":
        read.mistakes += [_no_grid(name) for name in space.continuous()]
    if kind == "cmaes":
        read.mistakes += _no_cmaes(space)
    read.settle()
    if kind == "grid":
        return NumberedSampler(space, space.point)
    draw = _sobol(space, seed) if rule == "sobol" else _random(space, seed)
    if kind == "random":
        return NumberedSampler(space, draw)
    return ModelSampler(space, draw, SAMPLERS[kind], seed)


def logbase(block: Mapping[str, Any] | str | None) -> float:
    """Return the base of the exponents of log distributions, which Azure's random sampling has; e without one."""
    given = block.get("logbase") if isinstance(block, Mapping) else None
    return _base(given) or math.e


def _base(given: object) -> float | None:
    if given == "e":
        return math.e
    number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    return float(given) if number and given > 0 and given != 1 else None  # type: ignore[arg-type,operator]


def normalized_block(block: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return a valid block with all that decides the samples: blocks with the same samples are equal."""
    given = dict(block) if isinstance(block, Mapping) and block else {"type": block or "random"}
    kind, rule = str(given["type"]).lower(), str(given.get("rule") or "random").lower()
    if kind == "sobol":
        kind, rule = "random", "sobol"
    if kind == "grid":
        return {"type": "grid"}
    seed = given.get("seed")
    drawn = {"type": "tpe" if kind == "bayesian" else kind, "seed": DEFAULT_SEED if seed is None else seed}
    return {**drawn, "rule": rule} if kind == "random" else drawn


def uniforms(rule: str, seed: int, number: int, dimensions: int) -> list[float]:
    """Return point `number` of the sequence, `dimensions` values in [0, 1). rule: random or sobol (scrambled)."""
    if rule == "random":
        return [float(u) for u in np.random.default_rng((seed, number)).random(dimensions)]
    from scipy.stats.qmc import Sobol

    engine = Sobol(dimensions, scramble=True, rng=seed)
    if number:
        engine.fast_forward(number)
    return [float(u) for u in engine.random(1)[0]]


def _random(space: Space, seed: int) -> Draw:
    return lambda number: space.at(uniforms("random", seed, number, len(space.parameters)))


def _sobol(space: Space, seed: int) -> Draw:
    return lambda number: space.at(uniforms("sobol", seed, number, len(space.parameters)))


def _no_grid(name: str) -> Mistake:
    problem = "has no grid: grid takes choice, randint, quniform and range(...) only"
    return Mistake(f"sweep.search_space.{name}", problem, f"{KEY}=random, or {{type: choice, values: [...]}}")


def _no_cmaes(space: Space) -> list[Mistake]:
    result = []
    if not is_installed("cmaes"):
        problem = "cmaes needs a package that is not installed"
        result.append(not_installed(KEY, "cmaes", value="cmaes", problem=problem))
    distributions = space.distributions()
    for name, distribution in distributions.items():
        if isinstance(distribution, CategoricalDistribution):
            problem = "is a choice, which has no order; cmaes searches numbers only"
            result.append(Mistake(f"sweep.search_space.{name}", problem, f"{KEY}=tpe"))
    if len(distributions) < 2:
        result.append(Mistake("sweep.search_space", "cmaes needs at least two parameters", f"{KEY}=tpe"))
    return result
