"""Joins the runs of folds: per configuration the mean and standard deviation of each score over folds, and one file
with the prediction on each row by the model that did not see it.

Files in the folder of the multirun: folds.json, oof_predictions.parquet (of several configurations
oof_predictions_1.parquet and so on, in the order of folds.json), and review.csv, the joined reviews of the folds.
"""

import csv
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.config.dotted_keys import flattened
from lab.core.files import Unreadable, write_csv, write_whole
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Column, Table

NAMES = {"accuracy": "accuracy", "f1_macro": "F1", "em": "exact match", "f1": "F1"}
"""Scores of the table, and their titles."""
COMPLETE = ("completed", "early_stopped")


@dataclass(frozen=True)
class Fold:
    """One run. scores: per split, by metric."""

    number: int
    run: RunFolder
    scores: Mapping[str, Mapping[str, float]]


@dataclass
class Group:
    """The folds of one configuration. name: what distinguishes it from the others; num: folds that were planned."""

    name: str
    num: int
    folds: list[Fold] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """Numbers of the folds without a result."""
        return sorted(set(range(self.num)) - {fold.number for fold in self.folds})

    def spread(self, split: str) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over folds (n - 1) of each metric that all folds have."""
        each = [fold.scores.get(split) or {} for fold in self.folds]
        shared = [name for name in each[0] if all(scores.get(name) is not None for scores in each)]
        values = {name: [float(scores[name]) for scores in each] for name in shared}
        return {
            name: (statistics.fmean(of), statistics.stdev(of) if len(of) > 1 else 0.0) for name, of in values.items()
        }


@dataclass(frozen=True)
class Joined:
    """All configurations of a multirun, and lines for the terminal."""

    groups: Sequence[Group]
    lines: Sequence[str]

    def table(self) -> Table:
        """Mean and standard deviation over folds, on validation and on test."""
        known = {
            name: title for name, title in NAMES.items() if any(name in group.spread("val") for group in self.groups)
        }
        columns = [Column("configuration", is_name=True), Column("folds", right=True)]
        columns += [Column(f"{split}\n{title}", right=True) for split in ("val", "test") for title in known.values()]
        caption = "Mean and standard deviation over folds; val is the fold that a model did not see."
        table = Table(columns, caption=caption, more="folds.json", plain=True)
        for group in self.groups:
            spreads = [group.spread(split) for split in ("val", "test")]
            cells = [_cell(spread.get(name)) for spread in spreads for name in known]
            table.add_row(group.name, f"{len(group.folds)} of {group.num}", *cells)
        return table


def join_folds(folder: Path) -> Joined:
    """Join the runs below `folder`; runs that did not end well are named as missing folds."""
    groups = _groups(folder)
    lines: list[str] = []
    rows = []
    for number, group in enumerate(groups, 1):
        name = "oof_predictions.parquet" if len(groups) == 1 else f"oof_predictions_{number}.parquet"
        num_rows = _write_predictions(group, folder / name)
        rows.append(_fields(group, name, num_rows))
        if group.missing:
            lost = ", ".join(map(str, group.missing))
            lines.append(f"{group.name}: no result of fold {lost}, so their rows are not in {name}")
        lines.append(f"out-of-fold predictions of {num_rows:,} rows: {folder / name}")
    if groups:
        text = json.dumps({"groups": rows}, indent=2, ensure_ascii=False) + "\n"
        write_whole(folder / "folds.json", lambda aside: aside.write_text(text, encoding="utf-8"))
        _write_review(groups, folder / "review.csv")
    return Joined(groups, lines)


def _groups(folder: Path) -> list[Group]:
    found: dict[str, Group] = {}
    configs: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("run.json")):
        run = RunFolder(path.parent)
        try:
            config, record = run.read_config(), run.read()
        except (OSError, Unreadable):
            continue
        split = (config.get("data") or {}).get("split") or {}
        if split.get("folds") is None or split.get("fold") is None:
            continue
        plain = flattened({name: value for name, value in config.items() if name != "run_name"})
        number = plain.pop("data.split.fold")
        key = json.dumps(plain, sort_keys=True, default=str)
        configs[key] = plain
        group = found.setdefault(key, Group("", int(split["folds"])))
        if record.get("status") in COMPLETE and run.fold_predictions.is_file():
            group.folds.append(Fold(int(number), run, record.get("metrics") or {}))
    varied = [name for name in dict.fromkeys(key for plain in configs.values() for key in plain)
              if len({repr(plain.get(name)) for plain in configs.values()}) > 1]  # fmt: skip
    for key, group in found.items():
        group.folds.sort(key=lambda fold: fold.number)
        group.name = " ".join(f"{name}={configs[key].get(name)}" for name in varied[:3]) or "all"
    return [group for group in found.values() if group.folds]


def _write_predictions(group: Group, path: Path) -> int:
    """Write the predictions of all folds, ordered by the number of the row; return how many there are."""
    import pyarrow
    import pyarrow.parquet

    parts = []
    for fold in group.folds:
        part = pyarrow.parquet.read_table(fold.run.fold_predictions)
        parts.append(part.append_column("fold", pyarrow.array([fold.number] * len(part), pyarrow.int32())))
    table = pyarrow.concat_tables(parts, promote_options="permissive").sort_by("row")
    write_whole(path, lambda aside: pyarrow.parquet.write_table(table, aside))
    return len(table)


def _write_review(groups: Sequence[Group], path: Path) -> None:
    """Join the reviews of held-out rows, in the order that each of them has."""
    rows: list[dict[str, str]] = []
    for number, group in enumerate(groups, 1):
        for fold in group.folds:
            if not fold.run.review.is_file():
                continue
            with fold.run.review.open(encoding="utf-8", newline="") as file:
                own = [row for row in csv.DictReader(file) if row.get("split") == "val"]
            of = {"configuration": str(number)} if len(groups) > 1 else {}
            rows += [of | {"fold": str(fold.number)} | row for row in own]
    if not rows:
        return
    rows.sort(key=lambda row: (row["reason"] == "hard", float(row["label_probability"]), -float(row["probability"])))
    write_csv(path, rows)


def _fields(group: Group, name: str, num_rows: int) -> dict[str, Any]:
    means = {
        split: {metric: {"mean": mean, "sd": sd} for metric, (mean, sd) in group.spread(split).items()}
        for split in ("val", "test")
    }
    folds = [{"fold": fold.number, "run": fold.run.path.name, **fold.scores} for fold in group.folds]
    return {"name": group.name, "folds": group.num, "missing": group.missing, "predictions": name, "rows": num_rows,
            "scores": means, "runs": folds}  # fmt: skip


def _cell(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"{value[0]:.3f} ± {value[1]:.3f}"
