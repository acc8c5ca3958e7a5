"""Importance of each setting for the objective, by Optuna's PED-ANOVA (Watanabe et al. 2023).

The method compares the best fifth of the runs with all runs and draws nothing at random. Importance is not cause: keys
that were varied together share it.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from lab.report.analysis.groups import value_text
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, axis, label_axes, new_figure, panel, typed
from lab.report.figures.run_columns import MAX_LEVELS, needs_log_axis, numbers, rows_with_result
from lab.report.figures.run_figures import plain
from lab.report.findings import Floats, Report, Runs
from lab.report.text.translate import Translator

MIN_RUNS = 10
GOOD_SHARE = 0.2
"""The share of runs that count as good; Optuna's default, a tenth, is too few of some dozens of runs."""


class Importance(NamedTuple):
    """Share of the objective's variation among good runs that each key explains, the largest first."""

    keys: tuple[str, ...]
    shares: Floats
    num_runs: int


@lru_cache(maxsize=1)  # the box plots need it too, and many runs take seconds
def compute(report: Report) -> Importance | Absent:
    """Return the importances, absent for few runs and for fewer than two varied keys."""
    runs = report.runs
    rows = rows_with_result(runs)
    if len(runs.varied) < 2 or len(rows) < MIN_RUNS:
        return Absent("absent.importance", {"least": MIN_RUNS, "num": len(rows), "keys": len(runs.varied)})
    columns = {key: column for key in runs.varied if (column := _parameter(runs, key, rows)) is not None}
    values = runs.sign * runs.frame["objective"].to_numpy(np.float64)[rows]
    if len(columns) < 2 or np.ptp(values) == 0:
        return Absent("absent.importance", {"least": MIN_RUNS, "num": len(rows), "keys": len(columns)})
    shares = _ped_anova(columns, values)
    order = sorted(shares, key=lambda key: -shares[key])
    return Importance(tuple(order), np.array([shares[key] for key in order]), len(rows))


def _parameter(runs: Runs, key: str, rows: npt.NDArray[np.intp]) -> tuple[Any, list[Any]] | None:
    """Return Optuna's distribution of a key and its values; None if a value is missing or all are the same.

    A number with few values is a choice: a density over four points would be an artefact of its smoothing.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    column = numbers(runs, key)
    if column is None or len(np.unique(column[rows])) <= MAX_LEVELS:
        texts = runs.frame[key].iloc[rows].map(value_text).tolist()
        levels = list(dict.fromkeys(texts))
        return (CategoricalDistribution(levels), texts) if len(levels) > 1 else None
    values = column[rows]
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return None
    distribution = FloatDistribution(float(values.min()), float(values.max()), log=needs_log_axis(values))
    return distribution, [float(value) for value in values]


def _ped_anova(columns: dict[str, tuple[Any, list[Any]]], values: Floats) -> dict[str, float]:
    """Return Optuna's importances of runs that need not come from an Optuna study. values: more is better."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
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
        optuna.logging.set_verbosity(verbosity)


def draw_plotly(data: Importance, words: Translator) -> Spec:
    """Return horizontal bars, the largest on top."""
    trace = {"type": "bar", "orientation": "h", "x": typed(data.shares), "y": list(data.keys),
             "marker": {"color": "@accent"}, "hovertemplate": "%{y}: %{x:.1%}<extra></extra>"}  # fmt: skip
    xaxis, yaxis = axis(words("axis.share"), tickformat=".0%"), axis("", autorange="reversed")
    return {"panels": [panel(trace, xaxis=xaxis, yaxis=yaxis, height=150 + 30 * len(data.keys))]}


def draw_matplotlib(data: Importance, words: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure(7.0, 1.2 + 0.34 * len(data.keys))
    axes = figure.add_subplot()
    axes.barh(range(len(data.keys)), data.shares, color=HEX["accent"])
    axes.set_yticks(range(len(data.keys)), [*map(plain, data.keys)], fontsize=9)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:.0%}")
    label_axes(axes, words("axis.share"), "")
    yield "", figure


def caption(data: Importance, words: Translator) -> str:
    """Return the method and the number of runs."""
    return words("caption.importance", count=f"{data.num_runs:,}")


FIGURE = ReportFigure("importance", compute, draw_plotly, draw_matplotlib, caption)
