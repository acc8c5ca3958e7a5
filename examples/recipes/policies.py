"""Draws what three policies of early termination would do with the same eight trials.

    python examples/recipes/policies.py [--to docs/img/policies.png]

The curves are made up; the decisions are those of `lab.early_termination`, as in a study.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

from lab.early_termination.parsing import parse
from lab.early_termination.replay import replay

TRIALS, INTERVALS = 8, 10
POLICIES = (
    {"type": "bandit", "slack_factor": 0.2, "delay_evaluation": 3},
    {"type": "median_stopping", "delay_evaluation": 2},
    {"type": "truncation_selection", "truncation_percentage": 25, "evaluation_interval": 3, "delay_evaluation": 2},
)


def curves() -> list[np.ndarray]:
    """Macro-F1 of each trial at each interval."""
    dice, steps = np.random.default_rng(4), np.arange(1, INTERVALS + 1)
    tops, speeds = np.linspace(0.5, 0.85, TRIALS), dice.uniform(0.35, 0.9, TRIALS)
    return [
        top * (1 - np.exp(-speed * steps)) + dice.normal(0, 0.012, INTERVALS)
        for top, speed in zip(tops, speeds, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", default="policies.png")
    target, trials = parser.parse_args().to, curves()
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axes, block in zip(figure.subplots(1, len(POLICIES), sharey=True), POLICIES, strict=True):
        ended = replay(parse(block), "maximize", trials)
        run = sum(ended[trial][0] if trial in ended else INTERVALS for trial in range(TRIALS))
        for trial, values in enumerate(trials):
            last = ended[trial][0] if trial in ended else INTERVALS
            axes.plot(range(1, last + 1), values[:last], color="#c0392b" if trial in ended else "#1f6f8b")
            axes.plot(range(last, INTERVALS + 1), values[last - 1 :], color="#bbbbbb", linestyle=":")
            if trial in ended:
                axes.plot(last, values[last - 1], "x", color="#c0392b", markersize=8)
        axes.set(title=f"{block['type']}\n{len(ended)} of {TRIALS} ended, {run} of {TRIALS * INTERVALS} intervals run",
                 xlabel="interval (validation)")  # fmt: skip
        axes.title.set_fontsize(9)
        print(f"{block}: ended {[(trial, ended[trial][0]) for trial in sorted(ended)]}")
    figure.axes[0].set_ylabel("primary metric")
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
