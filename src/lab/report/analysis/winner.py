"""The winner: chosen on validation, reported on test, with the command line that trains it again.

A study that confirmed its best configurations under new seeds competes by its best confirmed mean, if that is a mean of
the ranking metric. Otherwise the best mean wins if every configuration has two seeds or more, else the best run wins.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lab.cli.command_line import script
from lab.cli.recipes import recipe, write_best
from lab.core.errors import listed
from lab.core.record.run_folder import RunFolder
from lab.report.analysis.baselines import standing_sentences
from lab.report.analysis.groups import has_result
from lab.report.analysis.statistics import clipped
from lab.report.findings import Groups, Interval, Runs, Sentence, SweepSummary, Winner


class _Mean(NamedTuple):
    """A mean over seeds with its interval."""

    mean: float
    interval: Interval | None
    num: int


class _Choice(NamedTuple):
    """A row, and the mean over seeds that decided, if any."""

    row: int
    mean: _Mean | None


def leaderboard(runs: Runs) -> tuple[int, ...]:
    """Return all rows: first those with a result, the best objective first (ties: the earlier), then the others."""
    good = has_result(runs)
    ranked = np.where(good, -runs.sign * runs.frame["objective"].to_numpy(dtype=np.float64), np.inf)
    return tuple(int(row) for row in np.argsort(ranked, kind="stable"))


def choose_winner(runs: Runs, configurations: Groups, board: Sequence[int]) -> int | None:
    """Return the winner's row, None if no run has a result."""
    choice = _choose(runs, configurations, board)
    return None if choice is None else choice.row


def describe_winner(
    runs: Runs, configurations: Groups, board: Sequence[int], folder: Path, is_lab: bool
) -> Winner | None:
    """Return the winner with its command lines, None without a result; writes experiment/best.yaml into `folder`.

    is_lab: True if rows are run folders; only these have a recipe.
    """
    choice = _choose(runs, configurations, board)
    if choice is None:
        return None
    row = runs.frame.iloc[choice.row]
    sentences, num = [_reason(runs, choice), *_unused_confirmations(runs)], int(has_result(runs).sum())
    sentences += [Sentence("optimism", {"num": num})] if num > 1 else []
    test = row.get(f"test/{runs.score}")
    tested = test is not None and not np.isnan(test)
    sentences.append(
        Sentence("winner_tested", {"score": runs.score, "value": test}) if tested else Sentence("winner_untested")
    )
    record = RunFolder(Path(row["path"])).read() if is_lab else {}
    sentences += standing_sentences(runs, choice.row, record)
    retrain, options, command = None, {}, row["command"] or ""
    own = is_lab and RunFolder(Path(row["path"])).is_own()
    if command and not own:
        sentences.append(Sentence("foreign_command", {"path": row["path"], "command": command}))
        command = ""
    if is_lab:
        run = RunFolder(Path(row["path"]))
        words = f"{row['run']}: {runs.metric} {row['objective']:.4f}"
        arguments = shlex.join(["--config-dir", str(folder), "experiment=best"])
        line = f"{script(command)} {arguments}"
        try:
            text, options = recipe(run, words), _options(run, line, row)
        except (OSError, ValueError) as error:
            sentences.append(Sentence("winner_without_recipe", {"path": row["path"], "error": str(error)}))
        else:
            write_best(folder, text)
            retrain = line
    return Winner(choice.row, command, retrain, tuple(sentences), options)


def _choose(runs: Runs, configurations: Groups, board: Sequence[int]) -> _Choice | None:
    good = has_result(runs)
    if not good.any():
        return None
    confirmed = [
        (runs.sign * confirmation.mean, row, confirmation)
        for sweep in runs.sweeps
        if _has_ranking_metric(runs, sweep)
        for trial, confirmation in sweep.confirmed.items()
        for row in np.flatnonzero(good & (runs.frame["path"] == str(Path(sweep.path) / str(trial))).to_numpy())
    ]
    if confirmed:
        value, row, mean = max(confirmed, key=lambda item: (item[0], -item[1]))
        rival = _best_unconfirmed(runs, board[: int(good.sum())])
        if rival is None or runs.sign * runs.frame["objective"].iloc[rival] <= value:
            half = mean.half or 0.0
            interval = clipped(Interval(mean.mean - half, mean.mean + half), runs.metric)
            return _Choice(int(row), _Mean(mean.mean, None if mean.half is None else interval, mean.num))
        return _Choice(rival, None)
    groups = [group for group in configurations.groups if group.rows]
    repeats = runs.frame["repeat"]
    if all(repeats.iloc[list(group.rows)].nunique() > 1 for group in groups):
        top, stat = groups[0], groups[0].stats["objective"]
        assert top.best is not None
        return _Choice(top.best, _Mean(stat.mean, stat.interval, stat.num))
    return _Choice(board[0], None)


def _has_ranking_metric(runs: Runs, sweep: SweepSummary) -> bool:
    """Return True if a study's confirmed values are of the metric by which runs are ranked."""
    return (sweep.metric, sweep.goal) == (runs.metric, runs.goal)


def _unused_confirmations(runs: Runs) -> list[Sentence]:
    """Return a sentence that names the studies whose confirmed means are of another metric or goal."""
    others = [sweep for sweep in runs.sweeps if sweep.confirmed and not _has_ranking_metric(runs, sweep)]
    names = listed([f"{sweep.name}: {sweep.metric or '-'} ({sweep.goal or '-'})" for sweep in others])
    return [Sentence("confirmed_otherwise", {"studies": names})] if others else []


def _best_unconfirmed(runs: Runs, ranked: Sequence[int]) -> int | None:
    """Return the best run outside all studies that confirmed their best configurations."""
    studies = [Path(sweep.path) for sweep in runs.sweeps if _has_ranking_metric(runs, sweep) and sweep.confirmed]
    paths = runs.frame["path"]
    return next(
        (row for row in ranked if not any(Path(paths.iloc[row]).is_relative_to(study) for study in studies)), None
    )


def _reason(runs: Runs, choice: _Choice) -> Sentence:
    row = runs.frame.iloc[choice.row]
    values: dict[str, Any] = {"run": row["run"], "metric": runs.metric, "value": row["objective"]}
    if choice.mean is None:
        epoch = row["objective_epoch"]
        return Sentence("winner_chosen", values | {"epoch": None if np.isnan(epoch) else int(epoch) + 1})
    mean, interval, num = choice.mean
    if interval is None:
        return Sentence("winner_mean_alone", values | {"mean": mean, "num": num})
    return Sentence("winner_mean", values | {"mean": mean, "num": num} | interval._asdict())


def _options(run: RunFolder, retrain: str, row: Any) -> dict[str, str]:
    """Return further command lines: one without the row limits of the search and, if val was drawn by lab, one that
    trains on train and val together for the best number of epochs."""
    data = run.read_config().get("data")
    rows = data.get("max_rows") if isinstance(data, dict) else None
    drawn = ((run.read().get("data") or {}).get("split") or {}).get("drawn") or []
    named = rows.items() if isinstance(rows, dict) else ()
    limits = [f"data.max_rows.{name}=null" for name, most in named if most is not None]
    options = {}
    if limits:
        options["all_rows"] = " ".join([retrain, *limits])
    split = data.get("split") if isinstance(data, dict) else None
    refitted = isinstance(split, dict) and split.get("refit") is True  # the run has already done that
    if "val" in drawn and not refitted and not np.isnan(row["objective_epoch"]):
        epochs = f"trainer.max_epochs={int(row['objective_epoch']) + 1}"
        last = ["data.split.train_on_val=true", "callbacks.early_stopping.patience=null"]
        options["train_val"] = " ".join([retrain, epochs, *last, *limits])
    return options
