"""Builds the table of runs: one row per run, varied keys, configurations. Refuses runs that cannot be compared.

Each column has one number per run or NaN. Config keys that all runs share are kept once.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lab.config.key_roles import has_role
from lab.config.schema import Role
from lab.config.schema.report import RankingObjective
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.early_termination.policies.base import Goal
from lab.report.findings import COSTS, IDENTITY, OUTCOME, Runs, Sentence
from lab.report.sources.run_folders import SourceRun, SourceRuns

TRAINED_ON_VAL = "data.split.train_on_val"
"""If true, the validation rows were trained on: their scores cannot select a run."""
GOALS: dict[str, Goal] = {"max": "maximize", "min": "minimize"}


def build_run_table(source: SourceRuns, ranked_by: RankingObjective, allow_mixed: bool, repeats: Sequence[str]) -> Runs:
    """Return the table of all runs.

    ranked_by: a metric other than the runs' own; allow_mixed: rank runs of different objectives or data together;
    repeats: config keys that distinguish the runs of one configuration. Raises RequestError with every mistake.
    """
    trained_on_val = [run.path for run in source.runs if run.config.get(TRAINED_ON_VAL) is True]
    runs = [_without_validation_scores(run) if run.path in trained_on_val else run for run in source.runs]
    metric, goal = _objective(runs, ranked_by)
    warnings = [*source.warnings, *(Sentence("trained_on_val", {"path": path}) for path in trained_on_val)]
    warnings += _mixed_warnings(runs, ranked_by)
    refitted = sum(run.config.get("data.split.refit") is True for run in runs)
    warnings += [Sentence("refit", {"num": refitted, "total": len(runs)})] if refitted else []
    left_out = sum(_is_left_out(run.config) for run in runs)
    warnings += [Sentence("leave_one_out", {"num": left_out, "total": len(runs)})] if left_out else []
    if not allow_mixed:
        _refuse_mixed(runs, ranked_by)
    rows = [_with_ranking_metric(run, metric) for run in runs]
    keys, constant = _varied_and_constant([run.config for run in runs], repeats)
    frame = pd.DataFrame.from_records(rows)
    for name in (*IDENTITY, *OUTCOME, *COSTS):
        if name not in frame:
            frame[name] = np.nan if name in (*OUTCOME, *COSTS) else None
    frame["repeat"] = _repeats(runs, repeats)
    frame["run"] = _short_names([run.path for run in runs])
    settings = pd.DataFrame(
        {key: pd.Series([run.config.get(key) for run in runs], dtype=_dtype(runs, key)) for key in keys}
    )
    frame["configuration"] = _codes(
        [*(_requested(runs, settings, key) for key in keys), frame["fingerprint"], frame["data"]]
    )
    settings = _renamed(settings, list(frame.columns))
    head = [*IDENTITY, *OUTCOME, *COSTS]
    rest = sorted((name for name in frame.columns if name not in head), key=_split_first)
    frame = pd.concat([frame[[*head, *rest]], settings.drop(columns="seed", errors="ignore")], axis=1)
    return Runs(
        frame=frame,
        histories=tuple(run.history for run in runs),
        varied=_independent(settings),
        constant=constant,
        metric=metric,
        goal=goal,
        sweeps=tuple(source.sweeps),
        exclusions=tuple(source.exclusions),
        warnings=tuple(warnings),
    )


def _is_left_out(config: Mapping[str, Any]) -> bool:
    """Return whether a run's validation scores are leave-one-out scores of its training rows."""
    val, is_ridge = (
        config.get("data.split.val"),
        config.get("model.kind") == "minirocket" and config.get("model.head") == "ridge",
    )
    if config.get("data.split.folds") is not None:
        return False
    return val == "leave_one_out" or (val == "auto" and is_ridge and not config.get(TRAINED_ON_VAL))


def _without_validation_scores(run: SourceRun) -> SourceRun:
    """Return a run without its validation scores, which are on rows that it was trained on."""
    kept = {name: value for name, value in run.values.items() if name != "objective" and not name.startswith("val/")}
    return run._replace(values=kept, history={})


def _objective(runs: Sequence[SourceRun], ranked_by: RankingObjective) -> tuple[str, Goal]:
    """Return the metric and goal of the ranking: as requested, else the objective of most runs."""
    (own, mode), _ = Counter((run.values["metric"], run.values["mode"]) for run in runs).most_common(1)[0]
    metric = ranked_by.metric or own
    if not metric.startswith("val/"):
        problem = "runs are chosen by a validation metric: a choice made on test rows spoils the test score"
        remedy = f"objective.metric=val/{metric.partition('/')[2] or metric}"
        raise RequestError(Mistake("objective.metric", problem, remedy, metric))
    if ranked_by.metric is not None:
        _refuse_unknown(metric, {name for run in runs for name in run.values if name.startswith("val/")})
    if ranked_by.mode is None and ranked_by.metric is not None and ranked_by.metric != own:
        mode = "min" if metric.endswith("loss") else "max"
    return metric, GOALS[ranked_by.mode or mode]


def _refuse_unknown(metric: str, known: Collection[str]) -> None:
    """Raises RequestError for a metric that no run has, if runs have any."""
    if known and metric not in known:
        near = nearest(metric, known)
        problem = f"no run has a value of this name; there are {listed(sorted(known), 40)}"
        raise RequestError(Mistake("objective.metric", problem, f"objective.metric={near}" if near else "", metric))


def _groups(values: Sequence[str]) -> str:
    return listed([f"{value}: {num}" for value, num in Counter(values).most_common()])


def _differences(runs: Sequence[SourceRun], ranked_by: RankingObjective) -> tuple[str | None, str | None]:
    """Return the runs' objectives and data in words, each None if all runs share it."""
    objectives = [f"{run.values['metric']} ({run.values['mode']})" for run in runs]
    known = [run for run in runs if run.values["fingerprint"]]
    names = {run.values["fingerprint"]: run.values["data"] for run in known}  # a file's name does not identify its data
    data = [f"{names[run.values['fingerprint']]} {str(run.values['fingerprint'])[:8]}" for run in known]
    differ = len(set(objectives)) > 1 and ranked_by.metric is None
    return _groups(objectives) if differ else None, _groups(data) if len(names) > 1 else None


def _refuse_mixed(runs: Sequence[SourceRun], ranked_by: RankingObjective) -> None:
    """Raises RequestError if a ranking would compare runs that cannot be compared."""
    objectives, data = _differences(runs, ranked_by)
    mistakes = []
    if objectives is not None:
        problem = f"these runs were trained for different objectives ({objectives}) and are not ranked together"
        mistakes.append(Mistake("runs", problem, "fewer folders, objective.metric=val/f1_macro, or allow_mixed=true"))
    if data is not None:
        problem = f"these runs read different data or split it otherwise ({data}) and are not ranked together"
        mistakes.append(Mistake("runs", problem, "fewer folders, or allow_mixed=true"))
    if mistakes:
        raise RequestError(mistakes)


def _mixed_warnings(runs: Sequence[SourceRun], ranked_by: RankingObjective) -> list[Sentence]:
    objectives, data = _differences(runs, ranked_by)
    mixed = [("mixed_objectives", objectives), ("mixed_data", data)]
    return [Sentence(key, {"groups": groups}) for key, groups in mixed if groups is not None]


def _with_ranking_metric(run: SourceRun, metric: str) -> dict[str, Any]:
    """Return a run's values with the objective of the ranking, which may differ from its own.

    Another metric is taken at the run's kept checkpoint, like its other scores: the epoch that is best by that metric
    has no checkpoint and was never tested.
    """
    values = run.values
    if values["metric"] == metric:
        return values
    return values | {"objective": values.get(metric, np.nan)}


def _varied_and_constant(
    configs: Sequence[Mapping[str, Any]], repeats: Sequence[str]
) -> tuple[list[str], dict[str, Any]]:
    """Return the config keys with several values, and the others with their value. Runs without config are ignored."""
    configs = [config for config in configs if config]
    keys = dict.fromkeys(key for config in configs for key in config)
    varied, constant = [], {}
    for key in keys:
        if has_role(key, Role.NOT_COMPARED, repeats):
            continue
        first = configs[0].get(key)
        if any(config.get(key) != first for config in configs):
            varied.append(key)
        else:
            constant[key] = first
    return varied, constant


def _requested(runs: Sequence[SourceRun], settings: pd.DataFrame, key: str) -> pd.Series:
    """Return the values that distinguish configurations: where a finder set a value, the requested value."""
    if not any(key in run.requested for run in runs):
        return settings[key]
    return pd.Series([run.requested.get(key, run.config.get(key)) for run in runs], dtype=object)


def _renamed(settings: pd.DataFrame, taken: Sequence[str]) -> pd.DataFrame:
    """Rename keys with the name of another column to `config.<key>`; the seed is the column itself."""
    return settings.rename(columns={key: f"config.{key}" for key in settings.columns if key in taken and key != "seed"})


def _repeats(runs: Sequence[SourceRun], repeats: Sequence[str]) -> list[str]:
    """Return what distinguishes the runs of one configuration, as text: their seed, and their fold if they have one."""

    def text(run: SourceRun) -> str:
        values = [run.config.get(key, run.values.get(key)) for key in repeats]
        return "/".join(str(value) for value in values if value is not None) or "None"

    return [text(run) for run in runs]


def _dtype(runs: Sequence[SourceRun], key: str) -> str:
    """Return the dtype of a key: numbers stay numbers; a mix with texts or booleans stays as it is."""
    values = [run.config.get(key) for run in runs]
    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    whole = all(isinstance(value, int) for value in values)
    return "object" if not numbers else "int64" if whole else "float64"


def _codes(columns: Sequence[pd.Series]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return codes (rows,), one per different row of the columns, in the order of their first rows."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        own = pd.factorize(column.astype(str))[0]
        codes = pd.factorize(codes * (int(own.max(initial=0)) + 2) + own + 1)[0].astype(np.int64)
    return codes


def _independent(settings: pd.DataFrame) -> tuple[str, ...]:
    """Return the varied keys without those that follow from another key of their group (`model.*` from its name)."""
    codes = {key: pd.factorize(settings[key].astype(str))[0] for key in settings.columns}
    kept: list[str] = []
    for key in sorted(codes, key=lambda name: not name.endswith((".name", ".kind"))):
        group = key.split(".")[0]
        leads = [other for other in kept if other.split(".")[0] == group and other.endswith((".name", ".kind"))]
        if not any(_follows(codes[key], codes[lead]) for lead in leads):
            kept.append(key)
    return tuple(key for key in settings.columns if key in kept)


def _follows(codes: np.ndarray[Any, Any], lead: np.ndarray[Any, Any]) -> bool:
    """Return True if each value of `lead` occurs with only one value of `codes`."""
    return len(np.unique(np.stack([lead, codes]), axis=1).T) == len(np.unique(lead))


def _short_names(paths: Sequence[str]) -> list[str]:
    """Return the paths below their common folder; for a single run, its folder's name. Paths may be relative."""
    if len({Path(path).is_absolute() for path in paths}) > 1:
        paths = [str(Path(path).resolve()) for path in paths]
    if len(set(paths)) == 1:
        return [Path(path).name or path for path in paths]
    shared = os.path.commonpath(paths)
    names = [os.path.relpath(path, shared) for path in paths]
    return [Path(path).name if name == "." else name for path, name in zip(paths, names, strict=True)]


def _split_first(name: str) -> tuple[int, int, str]:
    order = ("val", "test", "train", "data")
    split = name.partition("/")[0]
    return (order.index(split) if split in order else len(order), name.count("/"), name)
