"""Surveyed tables as train, val and test: given splits stay, missing splits are drawn from train, then caps apply.

Rows of one group, and rows of one text, stay in one split. If groups and texts connect into a block of more than half
of the rows, only groups (which were requested) stay together, and the leak check counts the texts in two splits.
Because such rows move together and each class keeps a row in train, a drawn split may miss its share; a note says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.config.schema import Labelled, Split
from lab.core.batches import MISSING
from lab.core.errors import Mistake, RequestError
from lab.data.stratified_split import capped, components, draw, folds, text_units
from lab.data.text.label_survey import Survey
from lab.data.text.sources.base import ALL

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Units = npt.NDArray[np.generic]
SPLITS = ("train", "val", "test")
_SHARE_TOLERANCE = 0.25
"""Relative deviation from a share that needs no note. One row is always allowed."""


@dataclass(frozen=True)
class SplitRows:
    """Rows of one split: their table, their places in it, and the columns of `Survey` at these rows."""

    table: str
    rows: Ints
    labels: dict[str, Ints]
    exact: Hashes
    plain: Hashes
    masked: Hashes
    groups: Hashes | None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Splits:
    """The three splits. drawn: names of those that were drawn here; kept_together: what rows of one split share; notes:
    lines on shares that were missed."""

    parts: dict[str, SplitRows]
    drawn: tuple[str, ...]
    kept_together: str
    notes: tuple[str, ...] = ()


def make_splits(surveys: Mapping[str, Survey], data: Labelled) -> Splits:
    """Split the surveyed tables. Raises RequestError where there are too few rows, texts or groups to draw from."""
    pool = ALL if ALL in surveys else "train"
    drawn = tuple(split for split in SPLITS if split not in surveys and split != "train")
    rows = {split: np.arange(len(surveys[split])) for split in SPLITS if split in surveys}
    kept_together, notes = "nothing", tuple[str, ...]()
    if data.split.folds is not None and "val" not in drawn:
        problem = "folds take validation from the training rows, and these data have a validation split of their own"
        raise RequestError(Mistake("data.split.folds", problem, "data.split.folds=null", data.split.folds))
    if drawn:
        shares = {split: float(getattr(data.split, split)) for split in reversed(drawn)}
        if data.split.folds is not None:
            shares["val"] = (1 - shares.get("test", 0.0)) / data.split.folds
        units, kept_together = _units(surveys[pool], shares)
        _refuse_impossible(units, shares, surveys[pool])
        labels = list(surveys[pool].labels.values())
        if data.split.folds is None:
            rows |= draw(labels, units, shares, data.split.seed, data.split.stratify)
        else:
            rows |= _fold(labels, units, shares.get("test"), data.split)
        sizes = {split: len(rows[split]) for split in shares}
        notes = missed_shares(sizes, shares, surveys[pool].labels, units, kept_together)
    tables = {split: split if split in surveys and split not in drawn and pool != ALL else pool for split in SPLITS}
    parts = {}
    for split in SPLITS:
        survey = surveys[tables[split]]
        labels = list(survey.labels.values()) if split == "train" else []  # held-out rows stay a fair sample
        kept = capped(rows[split], getattr(data.max_rows, split), data.split.seed, labels)
        parts[split] = _split_rows(tables[split], survey, kept)
    return Splits(parts, drawn if pool != ALL else SPLITS, kept_together, notes)


def _fold(labels: list[Ints], units: Units, test: float | None, split: Split) -> dict[str, Ints]:
    """Train, one fold as val, and test if it is drawn. test: its share. The test rows are the same for every fold.

    Raises RequestError for fewer texts or groups than folds.
    """
    assert split.folds is not None
    assert split.fold is not None, "a rule of the config"
    drawn = {"train": np.arange(len(units))}
    if test is not None:
        drawn = draw(labels, units, {"test": test}, split.seed, split.stratify)
    pool = drawn["train"]
    num = len(np.unique(units[pool]))
    if num < split.folds:
        problem = f"{num} different texts or groups cannot fill {split.folds} folds"
        raise RequestError(Mistake("data.split.folds", problem, f"data.split.folds={max(2, num)}", split.folds))
    parts = folds([head[pool] for head in labels], units[pool], split.folds, split.seed, split.stratify)
    val = np.zeros(len(pool), bool)
    val[parts[split.fold]] = True
    return drawn | {"train": pool[~val], "val": pool[val]}


def with_val_in_train(splits: Splits) -> Splits:
    """Return the splits with the rows of val added to train, for a last training after all choices are made.

    Raises RequestError where val comes from a file of its own: that file can be named in data.train instead.
    """
    train, val = splits.parts["train"], splits.parts["val"]
    if train.table != val.table:
        problem = "adds a val split that is drawn here to train; this val split is a table of its own"
        raise RequestError(
            Mistake(
                "data.split.train_on_val",
                problem,
                "data.split.train_on_val=false, or both files in data.train and data.val=null",
                True,
            )
        )
    order = np.argsort(np.concatenate([train.rows, val.rows]), kind="stable")

    def joined(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[Any]:
        both: npt.NDArray[Any] = np.concatenate([first, second])
        return both[order]

    labels = {head: joined(codes, val.labels[head]) for head, codes in train.labels.items()}
    groups = None if train.groups is None or val.groups is None else joined(train.groups, val.groups)
    both = SplitRows(
        train.table,
        joined(train.rows, val.rows),
        labels,
        joined(train.exact, val.exact),
        joined(train.plain, val.plain),
        joined(train.masked, val.masked),
        groups,
    )
    return Splits({**splits.parts, "train": both}, splits.drawn, splits.kept_together, splits.notes)


def missed_shares(
    drawn: Mapping[str, int], shares: Mapping[str, float], labels: Mapping[str, Ints], units: Units, kept_together: str
) -> tuple[str, ...]:
    """Return a line for each split that is far from its share.

    drawn: rows per split; shares: of all rows, per drawn split; labels: codes (rows,) per head; units: (rows,), rows of
    equal value stay in one split; kept_together: what such rows have in common.
    """
    num_rows, lines = len(units), []
    for split, share in shares.items():
        requested = share * num_rows
        if abs(drawn[split] - requested) <= max(1.0, _SHARE_TOLERANCE * requested):
            continue
        reason = _reason(labels, units, kept_together, short=drawn[split] < requested)
        rows = f"{drawn[split]} row{'' if drawn[split] == 1 else 's'} of {num_rows}"
        lines.append(f"{split}: {rows}, where data.split.{split}={share:g} asks for {requested:.0f}: {reason}")
    return tuple(lines)


def lone_classes(codes: Ints) -> int:
    """Return the number of classes with a single row. codes: (rows,), `MISSING` where there is no label."""
    return int((np.bincount(codes[codes != MISSING], minlength=1) == 1).sum())


def _reason(labels: Mapping[str, Ints], units: Units, kept_together: str, short: bool) -> str:
    lone = {head: num for head, codes in labels.items() if (num := lone_classes(codes))}
    largest = int(np.unique(units, return_counts=True)[1].max())
    if short and lone and sum(lone.values()) >= largest:
        counts = ", ".join(f"{num} of {head}" for head, num in lone.items())
        return f"classes of a single row stay in train ({counts})"
    if largest > 1:
        return f"rows of one {kept_together} stay together (the largest has {largest})"
    return "every class keeps a row in train"


def _units(survey: Survey, shares: Mapping[str, float]) -> tuple[Units, str]:
    """The unit of each row, and the name of units. Texts that are equal when masked stay together in units of at most a
    tenth of a drawn split."""
    limit = max(1, int(min(shares.values()) * len(survey) / 10))
    texts = text_units(survey.plain, survey.masked, limit)
    if survey.groups is None:
        return texts, "text"
    both = components(survey.groups, texts)
    if len(both) and np.bincount(both).max() <= len(both) / 2:
        return both, "group and text"
    return survey.groups, "group"


def _refuse_impossible(units: Units, shares: Mapping[str, float], survey: Survey) -> None:
    mistakes = []
    if sum(shares.values()) >= 1:
        requested = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        problem = f"drawn splits ({requested}) leave no row for train"
        mistakes.append(Mistake("data.split", problem, "data.split.val=0.1 data.split.test=0.1"))
    num = len(np.unique(units))
    if num <= len(shares):
        kind = "different texts" if survey.groups is None else "groups"
        problem = f"{num} {kind} in {len(survey)} rows cannot fill train and {' and '.join(shares)}"
        mistakes.append(Mistake("data.split", problem, "more rows, or files for val and test"))
    if mistakes:
        raise RequestError(mistakes)


def _split_rows(table: str, survey: Survey, places: Ints) -> SplitRows:
    return SplitRows(
        table,
        survey.rows[places],
        {head: codes[places] for head, codes in survey.labels.items()},
        survey.exact[places],
        survey.plain[places],
        survey.masked[places],
        None if survey.groups is None else survey.groups[places],
    )
