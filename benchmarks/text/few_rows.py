"""Whether a temperature pays where few validation rows fit it, and which rule decides it best.

    python -m benchmarks.text.few_rows [--models NAME ...] [--seeds 1 2] [--draws 200] [--threads N] [--wrong PERCENT]

Models are trained on 300 and 500 generated reports (and two on generated weather, one of which has ridge scores that
are no logits), other ones for each seed, with thousands of rows held out. Of these, 10 to 200 are drawn as validation
rows again and again; each rule chooses a temperature on them, which is scored on all other rows. Prints the mean
negative log likelihood, Brier score and calibration error (10 bins) per rule and number of rows, and the share of draws
that are worse than no temperature. `--wrong 30`: so many per cent of the labels of training and of the drawn rows are
replaced, those of the other rows are not; reports only. Writes benchmarks/results/few_rows.json (few_rows_wrong.json).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
from scipy.special import log_softmax

from benchmarks.truth.reports import prepare
from lab.core.record.calibration_fields import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE
from lab.core.record.run_folder import RunFolder
from lab.models.calibration import reliability

ROOT = Path(__file__).resolve().parents[2]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
REPORTS = ["data.num_rows=6000", "data.generator_seed=7{seed}", "data.leaks.action=off"]
WEATHER = [
    "data=rainfall",
    "data.hours=3000",
    "data.generator_seed=7{seed}",
    "data.split.val=0.1",
    "data.split.test=0.6",
]
MODELS = {
    f"{name}, {rows} reports": [*REPORTS, f"data.split.val={0.1 * rows / 6000:.5f}",
                                f"data.split.test={1 - rows / 6000:.5f}", *words]
    for rows in (300, 500)
    for name, words in {
        "linear": ["model=linear"], "ngram": ["model=ngram"], "ngram on linear": ["model=ngram", "model.base=linear"]
    }.items()
} | {f"{name}, weather": [*WEATHER, f"model={name}"] for name in ("logistic_lags", "minirocket")}  # fmt: skip
WRONG = {
    f"{name}, {rows} reports": (rows, words)
    for rows in (300, 1500)
    for name, words in {"linear": ["model=linear"], "ngram on linear": ["model=ngram", "model.base=linear"]}.items()
}
"""Of `--wrong`: rows and overrides."""
NUM_ROWS = (10, 20, 50, 100, 200)
LOGS = np.linspace(np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE), 161)
NONE = int(np.abs(LOGS).argmin())
"""The place of temperature 1 in the grid."""
FOLDS = 5


class Costs:
    """Of each row (N,) and each temperature of the grid (G,): Brier score and negative log likelihood (N, G)."""

    def __init__(self, logits: Floats, labels: Ints) -> None:
        self.logits, self.labels, rows = logits, labels, np.arange(len(labels))
        brier, likelihood = [], []
        for log in LOGS:
            logs = log_softmax(logits / np.exp(log), axis=1)
            probabilities = np.exp(logs)
            likelihood.append(-logs[rows, labels])
            brier.append(np.square(probabilities).sum(1) - 2 * probabilities[rows, labels] + 1)
        self.brier, self.likelihood = np.stack(brier, 1), np.stack(likelihood, 1)

    def ece(self, place: int, rows: Ints) -> float:
        """The calibration error of some rows."""
        probabilities = np.exp(log_softmax(self.logits[rows] / np.exp(LOGS[place]), axis=1))
        return reliability(probabilities.max(1), probabilities.argmax(1) == self.labels[rows]).ece


def penalised(weight: float) -> Callable[[Costs, Ints], int]:
    """The least sum of Brier scores plus `weight` (log T)^2 / 2."""
    return lambda costs, rows: int((costs.brier[rows].sum(0) + weight * LOGS**2 / 2).argmin())


def heavy_tailed(weight: float, width: float) -> Callable[[Costs, Ints], int]:
    """The least sum of Brier scores plus weight log(1 + (log T / width)^2): near T = 1 few rows move it little, and far
    from 1 the penalty hardly grows."""
    penalty = weight * np.log1p((LOGS / width) ** 2)
    return lambda costs, rows: int((costs.brier[rows].sum(0) + penalty).argmin())


def likelihood(costs: Costs, rows: Ints) -> int:
    """The least negative log likelihood plus (log T)^2 / 2."""
    return int((costs.likelihood[rows].sum(0) + LOGS**2 / 2).argmin())


def gated(measure: str, errors: float) -> Callable[[Costs, Ints], int]:
    """The temperature with penalty 1, if rows gain by more than so many standard errors under that of other rows."""
    fit = penalised(1.0)

    def choose(costs: Costs, rows: Ints) -> int:
        table, gains = getattr(costs, measure), []
        for fold in range(FOLDS):
            held, others = rows[fold::FOLDS], np.delete(rows, np.s_[fold::FOLDS])
            gains.append(table[held, NONE] - table[held, fit(costs, others)])
        gain = np.concatenate(gains)
        return fit(costs, rows) if gain.mean() > errors * gain.std(ddof=1) / len(gain) ** 0.5 else NONE

    return choose


RULES: dict[str, Callable[[Costs, Ints], int]] = {
    "none": lambda *_: NONE,
    "penalty 1/4": penalised(0.25),
    "penalty 1 (lab)": penalised(1.0),
    "penalty 4": penalised(4.0),
    "penalty 16": penalised(16.0),
    "heavy tail 1/2, .35": heavy_tailed(0.5, 0.35),
    "heavy tail 1/2, .25": heavy_tailed(0.5, 0.25),
    "heavy tail 1, .35": heavy_tailed(1.0, 0.35),
    "heavy tail 1, .25": heavy_tailed(1.0, 0.25),
    "likelihood": likelihood,
    "if Brier gains in folds": gated("brier", 0.0),
    "if likelihood gains in folds": gated("likelihood", 0.0),
    "if Brier gains by an error": gated("brier", 1.0),
}


def held_out(words: list[str], folder: Path, seed: int, threads: int | None) -> Iterator[tuple[str, Costs]]:
    """Train, and yield the heads with the costs of their test rows, before any temperature of the run."""
    settings = [f"hydra.run.dir={folder}", "logger=csv", "callbacks.curves.png=false", "baselines.enabled=false",
                f"seed={seed}", *([] if threads is None else [f"trainer.threads={threads}"]),
                *(word.format(seed=seed) for word in words)]  # fmt: skip
    subprocess.run([sys.executable, "train.py", *settings], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    run = RunFolder(folder)
    table = pyarrow.parquet.read_table(run.predictions)
    temperatures = {name: each["temperature"] for name, each in run.read()["calibration"]["test"].items()}
    for head in run.read_spec()["heads"]:
        name = head["name"]
        probabilities = np.stack(table[f"{name}_probabilities"].to_numpy()).astype(np.float64)
        truth = table[name].to_pylist()
        labels = np.array([-1 if each is None else head["classes"].index(each) for each in truth])
        logits = temperatures[name] * np.log(np.maximum(probabilities, 1e-30))
        yield name, Costs(logits[labels >= 0], labels[labels >= 0])


def with_wrong_labels(costs: Costs, percent: int) -> Costs:
    """The same rows with so many per cent of their labels replaced by drawn ones."""
    random, labels = np.random.default_rng(0), costs.labels.copy()
    replaced = random.random(len(labels)) < percent / 100
    labels[replaced] = random.integers(costs.logits.shape[1], size=int(replaced.sum()))
    return Costs(costs.logits, labels)


def wrong_data(model: str, percent: int, seed: int, folder: Path) -> list[str]:
    """Overrides of a model on reports with wrong labels in train and val, which are written to the folder."""
    rows, words = WRONG[model]
    return [*prepare(rows, percent, folder, {}, generator_seed=70 + seed), *words]


def compared(costs: Costs, seen: Costs, num: int, draws: int) -> dict[str, list[list[float]]]:
    """Per rule and draw: likelihood, Brier score and calibration error of the rows that were not drawn. seen: what the
    rules see of the drawn rows."""
    random, found = np.random.default_rng(num), {name: [] for name in RULES}  # type: ignore[var-annotated]
    for _ in range(draws):
        order = random.permutation(len(costs.labels))
        drawn, rest = order[:num], order[num:]
        some = rest[:1500]
        for name, rule in RULES.items():
            place = rule(seen, drawn)
            scores = costs.likelihood[rest, place].mean(), costs.brier[rest, place].mean(), costs.ece(place, some)
            found[name].append([float(each) for each in scores])
    return found


def show(title: str, by_num: dict[int, dict[str, list[list[float]]]]) -> dict[str, dict[str, list[float]]]:
    """Print the means of each rule, with the share of draws that are worse than none."""
    print(f"\n{title}: NLL / Brier / ECE, (share of draws with a worse NLL, Brier than none)", flush=True)
    kept: dict[str, dict[str, list[float]]] = {}
    for rule in RULES:
        cells = []
        for num, found in by_num.items():
            scores, none = np.array(found[rule]), np.array(found["none"])
            worse = (scores[:, :2] > none[:, :2] + 1e-9).mean(0)
            means = scores.mean(0)
            kept.setdefault(rule, {})[str(num)] = [round(float(each), 4) for each in (*means, *worse)]
            cells.append(" / ".join(f"{each:.3f}" for each in means) + f" ({worse[0]:.0%}, {worse[1]:.0%})")
        print(f"{rule:30} " + "   ".join(cells), flush=True)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=[*MODELS, *WRONG])
    parser.add_argument("--wrong", type=int, default=0, metavar="PERCENT")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for model in options.models or (WRONG if options.wrong else MODELS):
            for seed in options.seeds:
                folder = Path(temporary) / f"{len(results)}_{seed}"
                words = wrong_data(model, options.wrong, seed, Path(temporary)) if options.wrong else MODELS[model]
                for head, costs in held_out(words, folder, seed, options.threads):
                    seen = with_wrong_labels(costs, options.wrong) if options.wrong else costs
                    by_num = {num: compared(costs, seen, num, options.draws) for num in NUM_ROWS}
                    title = f"{model}, {head}, seed {seed}, best T {np.exp(LOGS[costs.brier.sum(0).argmin()]):.2f}"
                    results[title] = show(title, by_num)
    overall = {
        rule: {num: np.mean([each[rule][num] for each in results.values()], 0) for num in map(str, NUM_ROWS)}
        for rule in RULES
    }
    print(f"\nmeans over {len(results)} heads: NLL / Brier / ECE, share of draws with a worse NLL, Brier than none")
    for rule, by_num in overall.items():
        print(f"{rule:30} " + "   ".join(" / ".join(f"{each:.3f}" for each in means) for means in by_num.values()))
    name = f"few_rows{'_wrong' if options.wrong else ''}.json"
    kept = {rule: {num: each.round(4).tolist() for num, each in by_num.items()} for rule, by_num in overall.items()}
    (ROOT / "benchmarks/results" / name).write_text(json.dumps(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
