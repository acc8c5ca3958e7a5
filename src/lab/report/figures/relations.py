"""Which settings go with which results: correlations, parameter importance, parallel coordinates.

Spearman's rank correlation for numbers; for choices eta, the correlation ratio: the square root of the share of the
variance that lies between the groups (Fisher 1925). Importance is Optuna's PED-ANOVA (Watanabe et al. 2023), which
draws nothing at random. Correlation is not cause: keys that were varied together share it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.report.analysis.groups import short_key, shown
from lab.report.figures.plots import LOG_FROM, MOST_LEVELS, Absent, ended, levels_of, numbers
from lab.report.findings import Floats, Report, Runs

FEW_RUNS = 10
GOOD_SHARE = 0.2
"""Importance tells the best fifth of the runs from all; Optuna's tenth is too few of some dozens of runs."""
MOST_LINES = 400
OUTCOMES = ("objective", "test/accuracy", "test/f1_macro", "test/f1", "test/em", "test/mcc", "test/loss", "time_s",
            "peak_rss_gib")  # fmt: skip


class Correlation(NamedTuple):
    """values: (keys, outcomes), NaN where either never changes. methods: `spearman` or `eta`, one a key."""

    keys: tuple[str, ...]
    outcomes: tuple[str, ...]
    methods: tuple[str, ...]
    values: Floats
    num_runs: int

    @property
    def few(self) -> bool:
        """Too few runs to believe: shown with a warning."""
        return self.num_runs < FEW_RUNS


class Importance(NamedTuple):
    """Shares of the objective's variation among good runs that each key explains, the largest first."""

    keys: tuple[str, ...]
    shares: Floats
    num_runs: int


class Dimension(NamedTuple):
    """values: (lines,), of a choice the position in `levels`, of a logarithmic one the logarithm to base 10."""

    name: str
    values: Floats
    levels: tuple[str, ...]
    log: bool


class Parallel(NamedTuple):
    """One line a run across its settings and its result. shown of num_runs lines, every n-th by rank."""

    dimensions: tuple[Dimension, ...]
    rows: tuple[int, ...]
    num_runs: int


def correlation(report: Report) -> Correlation | Absent:
    runs = report.runs
    rows = ended(runs)
    if len(rows) < 3 or not runs.varied:
        return Absent("absent.correlation", {"found": len(rows)})
    frame = runs.frame.iloc[rows]
    outcomes = tuple(name for name in OUTCOMES if name in frame and frame[name].nunique() > 1)
    if not outcomes:
        return Absent("absent.flat")
    columns = [numbers(runs, key) for key in runs.varied]
    methods = tuple("eta" if column is None else "spearman" for column in columns)
    values = np.full((len(runs.varied), len(outcomes)), np.nan)
    results = [frame[name].to_numpy(np.float64) for name in outcomes]
    for at, (key, column) in enumerate(zip(runs.varied, columns, strict=True)):
        for to, result in enumerate(results):
            if column is None:
                values[at, to] = eta(frame[key].map(shown).to_numpy(), result)
            else:
                values[at, to] = spearman(column[rows], result)
    return Correlation(runs.varied, outcomes, methods, values, len(rows))


def spearman(x: Floats, y: Floats) -> float:
    """Pearson's correlation of the ranks (ties share theirs) over rows where both are known; NaN if either is flat."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 3:
        return float("nan")
    ranks = [pd.Series(values[known]).rank().to_numpy() for values in (x, y)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def eta(levels: npt.NDArray[Any], y: Floats) -> float:
    """The correlation ratio of y over the levels, 0 to 1; NaN with one level or a flat y."""
    known = np.isfinite(y)
    y, codes = y[known], np.unique(levels[known].astype(str), return_inverse=True)[1]
    if not len(y) or codes.max() == 0 or np.ptp(y) == 0:
        return float("nan")
    counts = np.bincount(codes)
    means = np.bincount(codes, weights=y) / counts
    between = float((counts * (means - y.mean()) ** 2).sum())
    whole = float(((y - y.mean()) ** 2).sum())  # 0 where the squares are too small to be held
    return float(np.sqrt(min(1.0, between / whole))) if whole > 0 else float("nan")


def importance(report: Report) -> Importance | Absent:
    runs = report.runs
    rows = ended(runs)
    if len(runs.varied) < 2 or len(rows) < FEW_RUNS:
        return Absent("absent.importance", {"least": FEW_RUNS, "found": len(rows), "keys": len(runs.varied)})
    columns = {key: column for key in runs.varied if (column := _searched(runs, key, rows)) is not None}
    values = runs.sign * runs.frame["objective"].to_numpy(np.float64)[rows]
    if len(columns) < 2 or np.ptp(values) == 0:
        return Absent("absent.importance", {"least": FEW_RUNS, "found": len(rows), "keys": len(columns)})
    shares = _ped_anova(columns, values)
    order = sorted(shares, key=lambda key: -shares[key])
    return Importance(tuple(order), np.array([shares[key] for key in order]), len(rows))


def _searched(runs: Runs, key: str, rows: npt.NDArray[np.intp]) -> tuple[Any, list[Any]] | None:
    """Optuna's distribution of a key and its values; None where a value is missing or all are the same.

    A number with few values is a choice: a density over four points would be an artefact of its smoothing.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    column = numbers(runs, key)
    if column is None or len(np.unique(column[rows])) <= MOST_LEVELS:
        named = runs.frame[key].iloc[rows].map(shown).tolist()
        levels = list(dict.fromkeys(named))
        return (CategoricalDistribution(levels), named) if len(levels) > 1 else None
    values = column[rows]
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return None
    low, high = float(values.min()), float(values.max())
    return FloatDistribution(low, high, log=low > 0 and high / low >= LOG_FROM), [float(value) for value in values]


def _ped_anova(columns: dict[str, tuple[Any, list[Any]]], values: Floats) -> dict[str, float]:
    """Optuna's evaluator over runs that need not come from a study of its own. values: more is better."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="maximize")
        distributions = {key: distribution for key, (distribution, _) in columns.items()}
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={key: column[at] for key, (_, column) in columns.items()},
                    distributions=distributions,
                    value=float(value),
                )
                for at, value in enumerate(values)
            ]
        )
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=GOOD_SHARE)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator, params=list(columns)))
    finally:
        optuna.logging.set_verbosity(before)


def parallel(report: Report) -> Parallel | Absent:
    runs = report.runs
    good = set(ended(runs).tolist())
    rows = [row for row in report.leaderboard if row in good]
    if len(rows) < 2 or not runs.varied:
        return Absent("absent.parallel", {"found": len(rows)})
    lines = thinned(rows, MOST_LINES)
    dimensions = [_dimension(runs, name, lines) for name in (*runs.varied, "objective")]
    known = tuple(one for one in dimensions if np.isfinite(one.values).any())
    return Parallel(known, tuple(lines), len(rows))


def thinned(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` of them, evenly spaced, the first among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, most).round().astype(int)]


def _dimension(runs: Runs, name: str, rows: list[int]) -> Dimension:
    column = numbers(runs, name)
    if column is None:
        levels = levels_of(runs.frame[name])
        places = {level: place for place, level in enumerate(levels)}
        named = runs.frame[name].iloc[rows].map(shown)
        return Dimension(short_key(name), np.array([places[one] for one in named], np.float64), tuple(levels), False)
    values = column[rows]
    known = values[np.isfinite(values)]
    log = bool(len(known) and known.min() > 0 and known.max() / known.min() >= LOG_FROM)
    return Dimension(short_key(name), np.log10(values) if log else values, (), log)
