"""The winner: chosen on validation, reported on test, with the line that makes it again.

A study that confirmed its best under new seeds stands by its best confirmed mean, where that is of the metric that runs
are ranked by; where every configuration has two seeds or more, the best mean wins; else the best run.
`lab.core.record.run_folder.recipe` gives its recipe.
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
from lab.report.analysis.groups import with_result
from lab.report.findings import Groups, Runs, Sentence, Sweep, Winner


class _Chosen(NamedTuple):
    """A row, and the mean over seeds it was chosen by: (mean, half of the interval, number of seeds)."""

    row: int
    mean: tuple[float, float | None, int] | None


def leaderboard(runs: Runs) -> tuple[int, ...]:
    """All rows: those with a result, the best objective first (of equals the earlier), then the others."""
    good = with_result(runs)
    ranked = np.where(good, -runs.sign * runs.frame["objective"].to_numpy(dtype=np.float64), np.inf)
    return tuple(int(row) for row in np.argsort(ranked, kind="stable"))


def chosen(runs: Runs, configurations: Groups, board: Sequence[int]) -> int | None:
    """The winner's row, None where no run has a result."""
    found = _chosen(runs, configurations, board)
    return None if found is None else found.row


def winner(runs: Runs, configurations: Groups, board: Sequence[int], folder: Path, is_lab: bool) -> Winner | None:
    """The winner with its commands; writes experiment/best.yaml into `folder`. None where no run has a result.

    is_lab: whether rows are run folders, which alone have a recipe.
    """
    found = _chosen(runs, configurations, board)
    if found is None:
        return None
    row = runs.frame.iloc[found.row]
    said, num = [_why(runs, found), *_otherwise(runs)], int(with_result(runs).sum())
    said += [Sentence("optimism", {"num": num})] if num > 1 else []
    test = row.get(f"test/{runs.score}")
    tested = test is not None and not np.isnan(test)
    said.append(
        Sentence("winner_tested", {"score": runs.score, "value": test}) if tested else Sentence("winner_untested")
    )
    retrain, options, command = None, {}, row["command"] or ""
    own = is_lab and RunFolder(Path(row["path"])).is_own()
    if command and not own:
        said.append(Sentence("foreign_command", {"path": row["path"], "command": command}))
        command = ""
    if is_lab:
        run = RunFolder(Path(row["path"]))
        words = f"{row['run']}: {runs.metric} {row['objective']:.4f}"
        again = shlex.join(["--config-dir", str(folder), "experiment=best"])
        line = f"{script(command or 'python train.py')} {again}"
        try:
            text, options = recipe(run, words), _options(run, line, row)
        except (OSError, ValueError) as error:
            said.append(Sentence("winner_without_recipe", {"path": row["path"], "error": str(error)}))
        else:
            write_best(folder, text)
            retrain = line
    return Winner(found.row, command, retrain, tuple(said), options)


def _chosen(runs: Runs, configurations: Groups, board: Sequence[int]) -> _Chosen | None:
    good = with_result(runs)
    if not good.any():
        return None
    confirmed = [
        (runs.sign * one.mean, row, one)
        for sweep in runs.sweeps
        if _of_the_same(runs, sweep)
        for trial, one in sweep.confirmed.items()
        for row in np.flatnonzero(good & (runs.frame["path"] == str(Path(sweep.path) / str(trial))).to_numpy())
    ]
    if confirmed:
        value, row, mean = max(confirmed, key=lambda item: (item[0], -item[1]))
        rival = _outside(runs, board[: int(good.sum())])
        if rival is None or runs.sign * runs.frame["objective"].iloc[rival] <= value:
            return _Chosen(int(row), mean)
        return _Chosen(rival, None)
    groups = [group for group in configurations.groups if group.rows]
    repeats = runs.frame["repeat"]
    if all(repeats.iloc[list(group.rows)].nunique() > 1 for group in groups):
        top, stat = groups[0], groups[0].stats["objective"]
        half = (stat.interval.high - stat.interval.low) / 2 if stat.interval is not None else None
        assert top.best is not None
        return _Chosen(top.best, (stat.mean, half, stat.num))
    return _Chosen(board[0], None)


def _of_the_same(runs: Runs, sweep: Sweep) -> bool:
    """Whether a study's confirmed values are of what runs are ranked by."""
    return (sweep.metric, sweep.goal) == (runs.metric, runs.goal)


def _otherwise(runs: Runs) -> list[Sentence]:
    """Which studies' confirmed means took no part, being of another metric or goal."""
    others = [one for one in runs.sweeps if one.confirmed and not _of_the_same(runs, one)]
    names = listed([f"{one.name}: {one.metric or '-'} ({one.goal or '-'})" for one in others])
    return [Sentence("confirmed_otherwise", {"studies": names})] if others else []


def _outside(runs: Runs, ranked: Sequence[int]) -> int | None:
    """The best run that belongs to no study which confirmed its best."""
    studies = [Path(sweep.path) for sweep in runs.sweeps if _of_the_same(runs, sweep) and sweep.confirmed]
    paths = runs.frame["path"]
    return next((row for row in ranked if not any(Path(paths.iloc[row]).is_relative_to(one) for one in studies)), None)


def _why(runs: Runs, found: _Chosen) -> Sentence:
    row = runs.frame.iloc[found.row]
    values: dict[str, Any] = {"run": row["run"], "metric": runs.metric, "value": row["objective"]}
    if found.mean is None:
        epoch = row["objective_epoch"]
        return Sentence("winner_chosen", values | {"epoch": None if np.isnan(epoch) else int(epoch) + 1})
    mean, half, num = found.mean
    return Sentence("winner_mean", values | {"mean": mean, "half": half, "num": num})


def _options(run: RunFolder, retrain: str, row: Any) -> dict[str, str]:
    """Further lines, each tested once: with the row limits of the search lifted, and on train and val together for the
    best number of epochs, where val was drawn here."""
    data = run.read_config().get("data")
    rows = data.get("rows") if isinstance(data, dict) else None
    drawn = ((run.read().get("data") or {}).get("split") or {}).get("drawn") or []
    named = rows.items() if isinstance(rows, dict) else ()
    limits = [f"data.max_rows.{name}=null" for name, most in named if most is not None]
    options = {}
    if limits:
        options["all_rows"] = " ".join([retrain, *limits])
    if "val" in drawn and not np.isnan(row["objective_epoch"]):
        epochs = f"trainer.max_epochs={int(row['objective_epoch']) + 1}"
        last = ["data.split.train_on_val=true", "callbacks.early_stopping.patience=null"]
        options["train_val"] = " ".join([retrain, epochs, *last, *limits])
    return options
