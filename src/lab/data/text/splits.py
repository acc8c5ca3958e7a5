"""Surveyed tables as train, val and test: given splits as they are, missing ones drawn from train, caps last.

Draws keep rows of one group, and rows of one text, on one side. When groups and texts chain into a block of more than
half the rows, groups alone are kept (they were asked for) and the leak check counts what that leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.config.schema import Labelled
from lab.core.errors import Mistake, RequestError
from lab.data.stratified_split import capped, components, draw, text_units
from lab.data.text.label_survey import Survey
from lab.data.text.source import ALL
from lab.data.text.split_shares import missed_shares

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Part:
    """Rows of one split: where they stand, and what the survey found out about them."""

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
class Partition:
    """The three parts, which of them were drawn here, and what was kept on one side. notes: shares that were missed."""

    parts: dict[str, Part]
    drawn: tuple[str, ...]
    together: str
    notes: tuple[str, ...] = ()


def partition(surveys: Mapping[str, Survey], data: Labelled) -> Partition:
    """Splits of the surveyed tables. Raises RequestError where too few rows, texts or groups are there to draw from."""
    pool = ALL if ALL in surveys else "train"
    drawn = tuple(split for split in SPLITS if split not in surveys and split != "train")
    at = {split: np.arange(len(surveys[split])) for split in SPLITS if split in surveys}
    together, notes = "nothing", tuple[str, ...]()
    if drawn:
        shares = {split: float(getattr(data.split, split)) for split in reversed(drawn)}
        units, together = _units(surveys[pool], shares)
        _refuse_impossible(units, shares, surveys[pool])
        labels = list(surveys[pool].labels.values())
        at |= draw(labels, units, shares, data.split.seed, data.split.stratify)
        sizes = {split: len(at[split]) for split in shares}
        notes = missed_shares(sizes, shares, surveys[pool].labels, units, together)
    tables = {split: split if split in surveys and split not in drawn and pool != ALL else pool for split in SPLITS}
    parts = {}
    for split in SPLITS:
        found = surveys[tables[split]]
        labels = list(found.labels.values()) if split == "train" else []  # held-out rows stay a fair sample
        kept = capped(at[split], getattr(data.max_rows, split), data.split.seed, labels)
        parts[split] = _part(tables[split], found, kept)
    return Partition(parts, drawn if pool != ALL else SPLITS, together, notes)


def with_val_in_train(split: Partition) -> Partition:
    """The same parts with the rows of val in train as well, for a last training when nothing is chosen any more.

    Raises RequestError where val comes from a file of its own: its rows are trained on by naming the file.
    """
    train, val = split.parts["train"], split.parts["val"]
    if train.table != val.table:
        problem = "joins a val split that is drawn here; this one is a table of its own"
        raise RequestError(Mistake("data.split.train_on_val", problem, "data.train=[TRAIN,VAL] data.val=null", True))
    order = np.argsort(np.concatenate([train.rows, val.rows]), kind="stable")

    def joined(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[Any]:
        both: npt.NDArray[Any] = np.concatenate([one, other])
        return both[order]

    labels = {head: joined(codes, val.labels[head]) for head, codes in train.labels.items()}
    groups = None if train.groups is None or val.groups is None else joined(train.groups, val.groups)
    both = Part(
        train.table,
        joined(train.rows, val.rows),
        labels,
        joined(train.exact, val.exact),
        joined(train.plain, val.plain),
        joined(train.masked, val.masked),
        groups,
    )
    return Partition({**split.parts, "train": both}, split.drawn, split.together, split.notes)


def _units(found: Survey, shares: Mapping[str, float]) -> tuple[npt.NDArray[np.generic], str]:
    """Unit of each row, and its name. Texts equal when masked hold together up to a tenth of a drawn split."""
    limit = max(1, int(min(shares.values()) * len(found) / 10))
    texts = text_units(found.plain, found.masked, limit)
    if found.groups is None:
        return texts, "text"
    both = components(found.groups, texts)
    if len(both) and np.bincount(both).max() <= len(both) / 2:
        return both, "group and text"
    return found.groups, "group"


def _refuse_impossible(units: npt.NDArray[np.generic], shares: Mapping[str, float], found: Survey) -> None:
    mistakes = []
    if sum(shares.values()) >= 1:
        problem = (
            f"drawn splits ({', '.join(f'{name} {share:g}' for name, share in shares.items())}) leave no row for train"
        )
        mistakes.append(Mistake("data.split", problem, "data.split.val=0.1 data.split.test=0.1"))
    num = len(np.unique(units))
    if num <= len(shares):
        what = "different texts" if found.groups is None else "groups"
        problem = f"{num} {what} in {len(found)} rows cannot fill train and {' and '.join(shares)}"
        mistakes.append(Mistake("data.split", problem, "more rows, or files for val and test"))
    if mistakes:
        raise RequestError(mistakes)


def _part(table: str, found: Survey, at: Ints) -> Part:
    return Part(
        table,
        found.rows[at],
        {head: codes[at] for head, codes in found.labels.items()},
        found.exact[at],
        found.plain[at],
        found.masked[at],
        None if found.groups is None else found.groups[at],
    )
