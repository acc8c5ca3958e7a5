"""`bayesian` against `random` on a function of three laws whose optimum is known, at the same number of trials.

    python -m benchmarks.sweep.bayesian [--trials 40] [--seeds 20]

The function, to be minimised, is 0 at its optimum alone: a bowl in the logarithm of a learning rate (loguniform, 1e-5
to 1e-1, best 1e-3), one in a number of layers (quniform, 1 to 12, best 4) that leans on the learning rate, and a price
on an optimizer's name (choice of three). Each seed gives one study of either kind; p is Mann-Whitney's, one-sided.
"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from scipy.stats import mannwhitneyu

from benchmarks.harness.table import RESULTS, finish, shown, spread
from lab.sweep.search_space.samplers import build_sampler
from lab.sweep.search_space.space import parse_space

SPACE = parse_space(
    {
        "lr": {"type": "loguniform", "low": 1e-5, "high": 1e-1},
        "layers": {"type": "quniform", "min_value": 1, "max_value": 12, "q": 1},
        "name": {"type": "choice", "values": ["sgd", "adam", "lion"]},
    }
)
PRICE = {"sgd": 0.6, "adam": 0.0, "lion": 0.2}
P_LIMIT = 0.01
KINDS = ("bayesian", "random")


def loss(values: Mapping[str, Any]) -> float:
    """0 at lr 1e-3, 4 layers, adam; positive elsewhere."""
    decades = math.log10(values["lr"]) + 3
    layers = (values["layers"] - 4) / 8
    return decades**2 / 4 + (layers + 0.3 * decades) ** 2 + PRICE[values["name"]]


def best(kind: str, seed: int, num_trials: int) -> float:
    study = optuna.create_study(direction="minimize", sampler=build_sampler({"type": kind, "seed": seed}, SPACE))
    for _ in range(num_trials):
        trial = study.ask(SPACE.distributions())
        study.tell(trial, loss(SPACE.values(trial.params)))
    return study.best_value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_bayesian.json")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    result = {kind: [best(kind, seed, options.trials) for seed in range(options.seeds)] for kind in KINDS}
    bayesian, random = result["bayesian"], result["random"]
    p = float(mannwhitneyu(bayesian, random, alternative="less").pvalue)
    rows = [[kind, shown(spread(values), 4)] for kind, values in result.items()]
    ratio = spread(bayesian)["median"] / spread(random)["median"]
    reported = {"trials": options.trials, "limits": {"p": P_LIMIT}, "best": result, "ratio_of_medians": ratio, "p": p}
    head = [f"best loss of {options.trials} trials", f"median (min-max) of {options.seeds} seeds"]
    finish("sweep_bayesian", head, rows, reported, options.results)
    print(f"ratio of the medians {ratio:.3f}, Mann-Whitney p = {p:.2g} (limit {P_LIMIT:g})")


if __name__ == "__main__":
    main()
