"""A corpus: texts, labels and splits of one data set, checked. The one thing that other rooms take from this one.

Order: source, one pass over each table, splits (drawn where not given) and caps, classes, checks. Same seed and same
content give the same corpus whatever the files are called. Cost: about 20 microseconds a row; texts stay on disk.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.config.schema import Columned, Labelled
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError
from lab.data.text.checks.audit import audit_heads, audit_leaks, audit_rows
from lab.data.text.label_survey import Codebook, class_order, survey
from lab.data.text.source import Source, open_source
from lab.data.text.splits import Part, Partition, partition, with_val_in_train
from lab.data.text.text_columns import ColumnTexts, Texts

__all__ = ["Corpus", "Rows", "Texts", "load"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """One split, in the order of its source.

    labels: per head (rows,) int64, `MISSING` where unknown. probabilities: per head (rows, classes), P(label | plan),
    where the source knows it. source_rows: (rows,), place in the file, counted from 0 without the header (several files
    one after another).
    """

    texts: Texts
    labels: dict[str, Ints]
    probabilities: dict[str, Floats] | None
    source_rows: Ints


@dataclass(frozen=True)
class Corpus:
    """Splits `train`, `val` and `test` with their heads (class counts from train only).

    facts: plain types, for the run record. notes: lines for the terminal. fingerprint: hex digest of texts, labels and
    split membership, whatever the files are called.
    """

    name: str
    splits: dict[str, Rows]
    heads: tuple[HeadSpec, ...]
    facts: dict[str, object]
    notes: tuple[str, ...]
    fingerprint: str


def load(data: Labelled, cache: Path) -> Corpus:
    """Read, split and check the data set `data` asks for. cache: folder for Arrow copies of files.

    Raises RequestError with every mistake found together: paths and columns first, then what only the rows tell.
    """
    source = open_source(data, cache.expanduser())
    books = {head: Codebook(source.classes.get(head, ())) for head in source.columns.labels}
    surveys = {split: survey(table, source.columns, books) for split, table in source.tables.items()}
    undecided = source.columns.sets is None and isinstance(data, Columned)
    audits = [audit_rows(surveys, {head: book.names for head, book in books.items()} if undecided else {})]
    _refuse(audits[0].mistakes)
    split = partition(surveys, data)
    heads, labels = _labelled(source, split, books)
    texts = {name: _texts(source, part) for name, part in split.parts.items()}
    audits += [audit_heads(heads), audit_leaks(split, texts["train"], labels["train"], heads, data.leaks)]
    _refuse([mistake for audit in audits for mistake in audit.mistakes])
    if data.split.train_on_val:  # what was audited stays the fact: val is no held-out split from here on
        split = with_val_in_train(split)
        heads, labels = _labelled(source, split, books)
        texts["train"] = _texts(source, split.parts["train"])
    rows = {
        name: Rows(texts[name], labels[name], _probabilities(source, part), part.rows)
        for name, part in split.parts.items()
    }
    fingerprint = _fingerprint(split, heads, labels)
    facts = {"name": source.name, "fingerprint": fingerprint} | _facts(split, heads, data)
    for audit in audits:
        facts |= audit.facts
    notes = (*split.notes, *(note for audit in audits for note in audit.notes))
    if data.split.train_on_val:
        notes += ("train_on_val: val rows are trained on, their scores mean nothing, the last epoch is kept",)
    return Corpus(source.name, rows, heads, facts, notes, fingerprint)


def _refuse(mistakes: list[Mistake]) -> None:
    if mistakes:
        raise RequestError(mistakes)


def _labelled(
    source: Source, split: Partition, books: Mapping[str, Codebook]
) -> tuple[tuple[HeadSpec, ...], dict[str, dict[str, Ints]]]:
    """Heads, and per split and head labels as class indices. Classes are those of any kept row, in `class_order`;
    where the source has an order of its own, all of its classes in that."""
    heads = []
    labels: dict[str, dict[str, Ints]] = {name: {} for name in split.parts}
    for head, book in books.items():
        codes = {name: part.labels[head] for name, part in split.parts.items()}
        used = np.unique(np.concatenate([code[code != MISSING] for code in codes.values()]))
        if head in source.classes:
            used = np.arange(len(source.classes[head]))
        names = [book.names[code] for code in used.tolist()]
        order = list(range(len(names))) if head in source.classes else class_order(names)
        places = np.full(len(book.names) + 1, MISSING, np.int64)  # the last place stands for MISSING
        places[used[order]] = np.arange(len(order))
        for name, code in codes.items():
            labels[name][head] = places[np.where(code == MISSING, len(book.names), code)]
        train = labels["train"][head]
        counts = np.bincount(train[train != MISSING], minlength=len(names)).tolist()
        heads.append(HeadSpec(head, tuple(names[place] for place in order), tuple(counts)))
    return tuple(heads), labels


def _texts(source: Source, part: Part) -> ColumnTexts:
    columns = source.columns
    return ColumnTexts(source.tables[part.table], columns.text, columns.separator, columns.missing, part.rows)


def _probabilities(source: Source, part: Part) -> dict[str, Floats] | None:
    if source.probabilities is None:
        return None
    return {head: values[part.rows].astype(np.float32, copy=False) for head, values in source.probabilities.items()}


def _facts(split: Partition, heads: tuple[HeadSpec, ...], data: Labelled) -> dict[str, object]:
    return {
        "rows": {name: len(part) for name, part in split.parts.items()},
        "labelled": {
            name: {head: int((codes != MISSING).sum()) for head, codes in part.labels.items()}
            for name, part in split.parts.items()
        },
        "classes": {head.name: head.num_classes for head in heads},
        "split": {
            "drawn": list(split.drawn),
            "seed": data.split.seed,
            "kept_together": split.together,
            "missed": list(split.notes),
        },
    }


def _fingerprint(split: Partition, heads: tuple[HeadSpec, ...], labels: Mapping[str, Mapping[str, Ints]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for head in heads:
        digest.update(repr((head.name, head.classes)).encode())
    for name, part in split.parts.items():
        digest.update(repr((name, len(part))).encode())
        digest.update(part.exact.astype("<u8").tobytes())
        for head in heads:
            digest.update(labels[name][head.name].astype("<i8").tobytes())
    return digest.hexdigest()
