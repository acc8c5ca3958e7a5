"""The table of runs: one row each, what varied, what is one configuration; what cannot be compared is refused.

A number per column and run or NaN; config keys that all runs share are kept once.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lab.config.schema.report import RankedBy
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.early_termination.policies.base import Goal
from lab.report.findings import COSTS, IDENTITY, OUTCOME, Runs, Sentence
from lab.report.sources.run_folders import Read, Reading

UNTOLD = ("experiment_name", "run_name", "tags", "resume", "test", "logger", "cache", "objective", "sweep",
          "callbacks.progress", "callbacks.curves", "callbacks.checkpoint", "trainer.threads", "trainer.accelerator",
          "data.num_workers",
          "data.pin_memory", "data.persistent_workers")  # fmt: skip
"""Keys, and what is below them, that do not tell two models apart."""
TRAINED_ON_VAL = "data.split.train_on_val"
"""Where it is true, scores on validation rows are of rows that were trained on, and choose nothing."""
GOALS: dict[str, Goal] = {"max": "maximize", "min": "minimize"}


def assembled(reading: Reading, ranked_by: RankedBy, together: bool, repeats: Sequence[str]) -> Runs:
    """The table of all that was read.

    ranked_by: another metric than the runs' own; together: rank runs of different objectives or data all the same;
    repeats: config keys that tell runs of one configuration apart. Raises RequestError with every mistake.
    """
    fitted = [read.path for read in reading.runs if read.config.get(TRAINED_ON_VAL) is True]
    reads = [_without_choice(read) if read.path in fitted else read for read in reading.runs]
    metric, goal = _objective(reads, ranked_by)
    warnings = [*reading.warnings, *(Sentence("trained_on_val", {"path": path}) for path in fitted)]
    warnings += _mixed(reads, ranked_by)
    if not together:
        _refuse_mixed(reads, ranked_by)
    rows = [_ranked(read, metric) for read in reads]
    keys, constant = _told_apart([read.config for read in reads], repeats)
    frame = pd.DataFrame.from_records(rows)
    for name in (*IDENTITY, *OUTCOME, *COSTS):
        if name not in frame:
            frame[name] = np.nan if name in (*OUTCOME, *COSTS) else None
    frame["repeat"] = _repeats(reads, repeats)
    frame["run"] = _short_names([read.path for read in reads])
    told = pd.DataFrame(
        {key: pd.Series([read.config.get(key) for read in reads], dtype=_kind(reads, key)) for key in keys}
    )
    frame["configuration"] = _numbered(
        [*(_asked(reads, told, key) for key in keys), frame["fingerprint"], frame["data"]]
    )
    told = _renamed(told, list(frame.columns))
    head = [*IDENTITY, *OUTCOME, *COSTS]
    rest = sorted((name for name in frame.columns if name not in head), key=_split_first)
    frame = pd.concat([frame[[*head, *rest]], told.drop(columns="seed", errors="ignore")], axis=1)
    return Runs(
        frame=frame,
        histories=tuple(read.history for read in reads),
        varied=_leading(told),
        constant=constant,
        metric=metric,
        goal=goal,
        sweeps=tuple(reading.sweeps),
        exclusions=tuple(reading.exclusions),
        warnings=tuple(warnings),
    )


def _without_choice(read: Read) -> Read:
    """A run without what it scored on rows that it was trained on, whoever kept its record."""
    kept = {name: one for name, one in read.values.items() if name != "objective" and not name.startswith("val/")}
    return read._replace(values=kept, history={})


def _objective(reads: Sequence[Read], ranked_by: RankedBy) -> tuple[str, Goal]:
    """What runs are ranked by: what was asked for, else the objective of most of them."""
    (own, mode), _ = Counter((read.values["metric"], read.values["mode"]) for read in reads).most_common(1)[0]
    metric = ranked_by.metric or own
    if not metric.startswith("val/"):
        problem = "runs are chosen by a validation metric: a choice made on test rows spoils the test score"
        remedy = f"objective.metric=val/{metric.partition('/')[2] or metric}"
        raise RequestError(Mistake("objective.metric", problem, remedy, metric))
    if ranked_by.metric is not None:
        _refuse_unknown(metric, {name for read in reads for name in read.values if name.startswith("val/")})
    if ranked_by.mode is None and ranked_by.metric is not None and ranked_by.metric != own:
        mode = "min" if metric.endswith("loss") else "max"
    return metric, GOALS[ranked_by.mode or mode]


def _refuse_unknown(metric: str, known: Collection[str]) -> None:
    """Raises RequestError for a metric that no run has a value of, where any has one at all."""
    if known and metric not in known:
        near = nearest(metric, known)
        problem = f"no run has a value of this name; there are {listed(sorted(known), 40)}"
        raise RequestError(Mistake("objective.metric", problem, f"objective.metric={near}" if near else "", metric))


def _groups(values: Sequence[str]) -> str:
    return listed([f"{value}: {num}" for value, num in Counter(values).most_common()])


def _several(reads: Sequence[Read], ranked_by: RankedBy) -> tuple[str | None, str | None]:
    """The objectives and the data of the runs in words, None for what is one and the same."""
    objectives = [f"{read.values['metric']} ({read.values['mode']})" for read in reads]
    known = [read for read in reads if read.values["fingerprint"]]
    names = {read.values["fingerprint"]: read.values["data"] for read in known}  # what a file is called is not its data
    data = [f"{names[read.values['fingerprint']]} {str(read.values['fingerprint'])[:8]}" for read in known]
    differ = len(set(objectives)) > 1 and ranked_by.metric is None
    return _groups(objectives) if differ else None, _groups(data) if len(names) > 1 else None


def _refuse_mixed(reads: Sequence[Read], ranked_by: RankedBy) -> None:
    """Raises RequestError where a ranking would compare what cannot be compared."""
    objectives, data = _several(reads, ranked_by)
    mistakes = []
    if objectives is not None:
        problem = f"these runs were trained for different objectives ({objectives}) and are not ranked together"
        mistakes.append(Mistake("runs", problem, "fewer folders, objective.metric=val/f1_macro, or together=true"))
    if data is not None:
        problem = f"these runs read different data or split it otherwise ({data}) and are not ranked together"
        mistakes.append(Mistake("runs", problem, "fewer folders, or together=true"))
    if mistakes:
        raise RequestError(mistakes)


def _mixed(reads: Sequence[Read], ranked_by: RankedBy) -> list[Sentence]:
    objectives, data = _several(reads, ranked_by)
    found = [("mixed_objectives", objectives), ("mixed_data", data)]
    return [Sentence(key, {"groups": words}) for key, words in found if words is not None]


def _ranked(read: Read, metric: str) -> dict[str, Any]:
    """A run's values with the objective that all are ranked by, which may not be its own.

    Another metric than its own is taken at the checkpoint that the run kept, as its other scores are: the epoch that is
    best by that metric has no checkpoint and was never tested.
    """
    values = read.values
    if values["metric"] == metric:
        return values
    return values | {"objective": values.get(metric, np.nan)}


def _told_apart(configs: Sequence[Mapping[str, Any]], repeats: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Config keys with more than one value, and the others with theirs. A run without a config has no say."""
    configs = [config for config in configs if config]
    left_out = (*UNTOLD, *repeats)
    keys = dict.fromkeys(key for config in configs for key in config)
    varied, constant = [], {}
    for key in keys:
        if any(key == name or key.startswith(f"{name}.") for name in left_out):
            continue
        first = configs[0].get(key)
        if any(config.get(key) != first for config in configs):
            varied.append(key)
        else:
            constant[key] = first
    return varied, constant


def _asked(reads: Sequence[Read], told: pd.DataFrame, key: str) -> pd.Series:
    """The values that tell configurations apart: of a rate that was found, what was asked for."""
    if not any(key in read.asked for read in reads):
        return told[key]
    return pd.Series([read.asked.get(key, read.config.get(key)) for read in reads], dtype=object)


def _renamed(told: pd.DataFrame, taken: Sequence[str]) -> pd.DataFrame:
    """Keys that are called like a column of the table become `config.<key>`; only the seed is that column itself."""
    return told.rename(columns={key: f"config.{key}" for key in told.columns if key in taken and key != "seed"})


def _repeats(reads: Sequence[Read], repeats: Sequence[str]) -> list[str]:
    """What tells runs of one configuration apart, as text: their seed."""
    return ["/".join(str(read.config.get(key, read.values.get(key))) for key in repeats) for read in reads]


def _kind(reads: Sequence[Read], key: str) -> str:
    """Numbers stay numbers; a mix with text, or with true and false, is compared as it is."""
    values = [read.config.get(key) for read in reads]
    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    whole = all(isinstance(value, int) for value in values)
    return "object" if not numbers else "int64" if whole else "float64"


def _numbered(columns: Sequence[pd.Series]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A number for each different row of the columns, in the order they come up."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        own = pd.factorize(column.astype(str))[0]
        codes = pd.factorize(codes * (int(own.max(initial=0)) + 2) + own + 1)[0].astype(np.int64)
    return codes


def _leading(told: pd.DataFrame) -> tuple[str, ...]:
    """The varied keys, without those that only follow from another of their group (all of `model.` from its name)."""
    codes = {key: pd.factorize(told[key].astype(str))[0] for key in told.columns}
    kept: list[str] = []
    for key in sorted(codes, key=lambda name: not name.endswith((".name", ".kind"))):
        group = key.split(".")[0]
        leads = [other for other in kept if other.split(".")[0] == group and other.endswith((".name", ".kind"))]
        if not any(_follows(codes[key], codes[lead]) for lead in leads):
            kept.append(key)
    return tuple(key for key in told.columns if key in kept)


def _follows(codes: np.ndarray[Any, Any], lead: np.ndarray[Any, Any]) -> bool:
    """Whether each value of `lead` comes with one value of `codes` only."""
    return len(np.unique(np.stack([lead, codes]), axis=1).T) == len(np.unique(lead))


def _short_names(paths: Sequence[str]) -> list[str]:
    """Paths below what all share; a single run is called by its folder. Absolute paths and others may be mixed."""
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
