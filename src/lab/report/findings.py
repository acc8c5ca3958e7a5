"""The contents of a report as numbers: the table of runs and the conclusions from it. The sentences are in `text`.

One frozen class per question. `sources` reads the runs and `analysis` makes the rest; the page, the figures and the
files show it. A row number identifies a run everywhere: `runs.frame.iloc[row]`, `runs.histories[row]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.early_termination.policies.base import Goal
from lab.report.sources.drift import DriftFile

Floats = npt.NDArray[np.float64]
History = Mapping[str, Floats]
"""Validations of one run in order: `epoch` (0-based), `step`, then metrics with their split, (rows,) each; NaN where a
row has no value. Empty if nothing was recorded."""

ENDED_WELL = ("completed", "early_stopped", "terminated")
"""Statuses with a result; the others are `running`, `failed` and `interrupted` (stopped or killed)."""

IDENTITY = ("run", "path", "study", "trial", "status", "reason", "failure", "command", "seed", "repeat",
            "configuration", "metric", "mode", "data", "fingerprint")  # fmt: skip
"""Columns that identify a run. `run`: short and unique; `configuration`: a number shared by runs that differ only in
their seed, which `repeat` holds as text; `data`, `fingerprint`: of the training data."""

COSTS = ("time_s", "fit_s", "core_s", "peak_rss_gib", "peak_gpu_gib", "parameters_total", "parameters_trainable")
"""core_s: CPU seconds of all cores, a proxy of energy; time_s: wall-clock time from launch to end."""

OUTCOME = ("objective", "objective_epoch", "objective_step", "epochs")
"""The objective at the run's kept checkpoint, its epoch (0-based) and optimizer step, and the number of validated
epochs. Every score of a row belongs to that checkpoint."""


class Sentence(NamedTuple):
    """A key of the catalogue and its values; `lab.report.text.translate` returns the text."""

    key: str
    values: Mapping[str, Any] = {}


class Exclusion(NamedTuple):
    """A folder that is not in the table, and the reason."""

    path: str
    reason: Sentence


class ConfirmedMean(NamedTuple):
    """Mean of a configuration under new seeds. half: half width of its 95 % interval, None for one seed."""

    mean: float
    half: float | None
    num: int


class SweepSummary(NamedTuple):
    """A grid or a study: how many runs it planned, and how many left a folder.

    confirmed: means by trial of a study's `confirm` runs; metric, goal: what these means measure, for a study.
    """

    path: str
    name: str
    kind: Literal["grid", "study"]
    expected: int
    started: int
    confirmed: Mapping[int, ConfirmedMean] = {}
    metric: str | None = None
    goal: Goal | None = None


@dataclass(frozen=True)
class Runs:
    """The table of runs, one row per run, with failed and unfinished ones.

    frame: IDENTITY, OUTCOME and COSTS, then `train/...`, `val/...`, `test/...` (at the checkpoint), baselines on the
    test rows (`majority/...`, `bayes/...`), `data/...` (`data/truncated_share`), and one column per config key in
    `varied`. An unknown number is NaN, an unknown text None.
    varied: dotted config keys with more than one value, without the seed. constant: all other keys with their value.
    metric: the objective by which runs are ranked, `val/f1_macro`.
    """

    frame: pd.DataFrame
    histories: tuple[History, ...]
    varied: tuple[str, ...]
    constant: Mapping[str, Any]
    metric: str
    goal: Goal
    sweeps: tuple[SweepSummary, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    warnings: tuple[Sentence, ...] = ()
    """Shown at the top, for example that runs on different data are ranked together."""

    @property
    def score(self) -> str:
        """The objective without its split: `f1_macro`."""
        return self.metric.partition("/")[2] or self.metric

    @property
    def sign(self) -> float:
        """1 if larger is better, else -1."""
        return 1.0 if self.goal == "maximize" else -1.0


class Interval(NamedTuple):
    """Confidence interval of a mean, at the confidence of the config (95 % by default)."""

    low: float
    high: float


class Stat(NamedTuple):
    """Statistics of one number over the runs of a group: sd with n - 1, NaN for one run; low, high: extremes."""

    num: int
    mean: float
    sd: float
    low: float
    high: float
    interval: Interval | None


class Group(NamedTuple):
    """Runs that share the values of `keys`. rows: table rows with a result; failed: rows without one."""

    label: str
    keys: Mapping[str, Any]
    rows: tuple[int, ...]
    failed: tuple[int, ...]
    stats: Mapping[str, Stat]
    """By column: `objective`, `test/f1_macro`, `time_s` ..."""
    best: int | None
    """The row with the best objective."""


@dataclass(frozen=True)
class Groups:
    """Groups by the keys `by`, the best mean objective first; groups without a result last."""

    by: tuple[str, ...]
    groups: tuple[Group, ...]


class Pair(NamedTuple):
    """A group compared with the baseline on the objective, paired by seed.

    num_pairs: seeds that both have; difference: mean of (group - baseline); p: paired t test, two-sided; p_holm:
    corrected for all comparisons; effect: Cohen's d of the differences (d_z); apart: the two are distinguishable. For
    fewer than two pairs and for equal differences, p, p_holm and effect are NaN and interval is None.
    """

    group: str
    baseline: str
    num_pairs: int
    difference: float
    interval: Interval | None
    p: float
    p_holm: float
    effect: float
    apart: bool
    sentence: Sentence


@dataclass(frozen=True)
class Comparison:
    """Every group compared with the baseline. baseline None: there is nothing to compare, for the `reason`."""

    by: tuple[str, ...]
    baseline: str | None
    metric: str
    pairs: tuple[Pair, ...] = ()
    reason: Sentence | None = None
    averaged: Sentence | None = None
    """The keys whose values differ between the groups, over which the comparison averages."""


class Finding(NamedTuple):
    """A rule's diagnosis of a run. override: the override to try as it is typed, empty if there is none."""

    row: int
    rule: str
    sentence: Sentence
    override: str


class TerminatedTrial(NamedTuple):
    """A trial that a policy would have terminated, at which interval and why."""

    row: int
    interval: int
    epochs_saved: int
    reason: Sentence


class WhatIf(NamedTuple):
    """The effect of one policy on the trials of one sweep (or on all runs).

    share_saved: of all epochs; regret: how much worse the best remaining result would be, at least 0.
    """

    policy: str
    block: Mapping[str, Any]
    study: str
    num_trials: int
    ended: tuple[TerminatedTrial, ...]
    epochs_saved: int
    share_saved: float
    regret: float


@dataclass(frozen=True)
class Winner:
    """The run with the best validation objective (of a study with confirm runs: the best confirmed mean).

    command: the command line of the run; retrain: the command line that trains its recipe from experiment/best.yaml
    again, None without a recipe; options: further command lines by name (`train_val`, `all_rows`).
    """

    row: int
    command: str
    retrain: str | None
    sentences: tuple[Sentence, ...]
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Report:
    """All contents of a report. Compared and hashed by identity, so that results per report can be cached."""

    runs: Runs
    leaderboard: tuple[int, ...]
    """All rows: first those with a result, the best objective first, then the others."""
    top_k: int
    configurations: Groups
    """Groups of runs that differ only in their seed."""
    groups: tuple[Groups, ...]
    """Groups by each requested key, or by each varied key if none was requested."""
    comparison: Comparison
    findings: tuple[Finding, ...]
    what_if: tuple[WhatIf, ...]
    winner: Winner | None
    counts: Mapping[str, int]
    """Number of runs by status, and `not_started`, `excluded`, `expected` (planned runs)."""
    command: str
    made: str
    """Time of the report, ISO 8601."""
    folder: Path
    drift: tuple[DriftFile, ...] = ()
    """Comparisons of new rows with those of a run."""
    docs: str | None = None
    """Address of the built documentation, which sections link to; None: the pages of the repository."""
