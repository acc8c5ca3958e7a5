"""What a report holds: the table of runs and what is concluded from it. Numbers here, words in `sentences`.

One frozen class a question. Readers (`lab.report.sources.select`) make `Runs`, judges make the rest, page and figures
draw. A row number is a run everywhere: `runs.frame.iloc[row]`, `runs.histories[row]`. Costs: one float64 array a
column.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.early_termination.policies.base import Goal

Floats = npt.NDArray[np.float64]
History = Mapping[str, Floats]
"""Validations of one run in order: `epoch` (0-based), `step`, then metrics with their split, (rows,) each; NaN where a
row has no value. Empty where nothing was recorded."""

ENDED_WELL = ("completed", "early_stopped", "terminated")
"""Statuses of runs that have a result; the others are `failed` and `interrupted` (stopped, killed or still running)."""

IDENTITY = ("run", "path", "study", "trial", "status", "reason", "failure", "command", "seed", "repeat",
            "configuration", "metric", "mode", "data", "fingerprint")  # fmt: skip
"""Columns that say what a run is. `run`: a short name, unlike any other's; `configuration`: a number shared by the runs
that differ in their seed alone, which `repeat` holds as text; `data`, `fingerprint`: of the rows it was trained on."""

COSTS = ("time_s", "fit_s", "core_s", "peak_rss_gib", "peak_gpu_gib", "parameters_total", "parameters_trainable")
"""core_s, the energy proxy: CPU seconds of all cores. time_s: from start to end."""

OUTCOME = ("objective", "objective_epoch", "objective_step", "epochs")
"""The objective at the checkpoint that the run kept, its epoch (0-based) and optimizer step, and the number of epochs
that were validated. Every score of a row is of that checkpoint."""


class Sentence(NamedTuple):
    """A key of the catalogue and its values; `lab.report.text.translate` returns the text."""

    key: str
    values: Mapping[str, Any] = {}


class Exclusion(NamedTuple):
    """A folder that was found and is in no table, and why."""

    path: str
    reason: Sentence


class ConfirmedMean(NamedTuple):
    """Of a configuration under new seeds. half: of the 95 % interval of the mean, None for one seed."""

    mean: float
    half: float | None
    num: int


class SweepSummary(NamedTuple):
    """A grid or a study: how many runs it was to have, how many left a folder, and its winner by its own account.

    confirmed: by trial, of a study's `confirm` runs; metric, goal: of a study, what these values are of.
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
    """One row a run, failed and unfinished ones too.

    frame: IDENTITY, OUTCOME and COSTS, then `train/...`, `val/...`, `test/...` (at the checkpoint), on the test
    rows `majority/...` (any baseline by its name) and `bayes/...`, then `data/...` (`data/truncated_share`), then one
    column per config key in `varied`. A number is NaN and a text None where it is not known.
    varied: dotted config keys with more than one value, the seed left out. constant: all others, with their value.
    metric: the objective they are ranked by, `val/f1_macro`.
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
    """Shown on top: ranked together although the data differ, and the like."""

    @property
    def score(self) -> str:
        """The objective without its split: `f1_macro`."""
        return self.metric.partition("/")[2] or self.metric

    @property
    def sign(self) -> float:
        """1 where more is better."""
        return 1.0 if self.goal == "maximize" else -1.0


class Interval(NamedTuple):
    """95 % (or as the config says) interval of a mean."""

    low: float
    high: float


class Stat(NamedTuple):
    """One number over the runs of a group: sd with n - 1 (NaN for one run); interval None below two runs."""

    num: int
    mean: float
    sd: float
    low: float
    high: float
    interval: Interval | None


class Group(NamedTuple):
    """Runs that share the values of the keys. rows: of the table, those that ended well. failed: rows that did not."""

    label: str
    keys: Mapping[str, Any]
    rows: tuple[int, ...]
    failed: tuple[int, ...]
    stats: Mapping[str, Stat]
    """By column: `objective`, `test/f1_macro`, `time_s` ..."""
    best: int | None
    """Row of the best objective."""


@dataclass(frozen=True)
class Groups:
    """Groups by `by`, the best mean of the objective first; groups without a result last."""

    by: tuple[str, ...]
    groups: tuple[Group, ...]


class Pair(NamedTuple):
    """A group against the baseline, on the objective, paired by seed.

    num_pairs: seeds that both have. difference: mean of (group - baseline); p: paired t test, two-sided; p_holm:
    corrected for all comparisons made; effect: Cohen's d of the differences (d_z). apart: whether the data tell the two
    apart. p, p_holm and effect are NaN, interval is None below two pairs and where the differences are all the same.
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
    """Every group against one. baseline None: nothing to compare, and `reason` says why."""

    by: tuple[str, ...]
    baseline: str | None
    metric: str
    pairs: tuple[Pair, ...] = ()
    reason: Sentence | None = None
    averaged: Sentence | None = None
    """Which keys each group has values of its own of, and that these were averaged over."""


class Finding(NamedTuple):
    """What a rule found at a run. override: what to try, as it is typed; empty where there is nothing to type."""

    row: int
    rule: str
    sentence: Sentence
    override: str


class TerminatedTrial(NamedTuple):
    """A trial that a policy would have ended."""

    row: int
    interval: int
    epochs_saved: int
    reason: Sentence


class WhatIf(NamedTuple):
    """One policy on the trials of one sweep (or on all runs). regret: how much worse the best that is left would be, at
    least 0. share_saved: of all epochs."""

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
    """Best validation objective (of a study with confirm runs: best confirmed mean), reported on test.

    command: what to type for the same run; retrain: for its recipe from experiment/best.yaml, None where none could be
    written; options: further lines by name (`train_val`, `all_rows`).
    """

    row: int
    command: str
    retrain: str | None
    sentences: tuple[Sentence, ...]
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Report:
    """Everything a page is drawn from. Compared and hashed by identity, so that results per report can be cached."""

    runs: Runs
    leaderboard: tuple[int, ...]
    """All rows: those with a result, the best objective first, then the others."""
    top_k: int
    configurations: Groups
    """Seeds of one configuration as one row."""
    groups: tuple[Groups, ...]
    """By each key asked for; by each varied key where none was."""
    comparison: Comparison
    findings: tuple[Finding, ...]
    what_if: tuple[WhatIf, ...]
    winner: Winner | None
    counts: Mapping[str, int]
    """By status, and `expected`: runs that were to be, those that never started included; `not_started`."""
    command: str
    made: str
    """When, ISO 8601."""
    folder: Path
