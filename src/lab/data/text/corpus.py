"""A corpus: checked texts, labels and splits of one data set. Other rooms import only this module of the room.

Order: source, one pass over each table, splits (drawn if not given) and caps, classes, checks. The same seed and
content give the same corpus whatever the files' names. Cost: about 20 microseconds per row; texts stay on disk.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.config.schema import Columned, Labelled
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import refuse_if_any
from lab.data.label_encoder import LabelEncoder, class_order
from lab.data.text.checks.class_checks import check_classes, unvalidated_classes
from lab.data.text.checks.other_columns import unused_labels
from lab.data.text.checks.row_checks import check_leaks, check_rows
from lab.data.text.halved_survey import whole_survey
from lab.data.text.source import Source, open_source
from lab.data.text.spellings import merged
from lab.data.text.splits import SplitRows, Splits, make_splits, with_val_in_train
from lab.data.text.streaming.scan import Stream
from lab.data.text.streaming.summary import stream_facts, stream_note
from lab.data.text.text_columns import ColumnTexts, Texts

__all__ = ["Corpus", "Rows", "Texts", "load"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """One split, in the order of its source.

    labels: (rows,) int64 per head, `MISSING` where unknown. probabilities: (rows, classes) per head, P(label | plan),
    where the source knows it. source_rows: (rows,), place in the file, counted from 0 without the header; with several
    files, the count continues from file to file.
    """

    texts: Texts
    labels: dict[str, Ints]
    probabilities: dict[str, Floats] | None
    source_rows: Ints


@dataclass(frozen=True)
class Corpus:
    """Splits `train`, `val` and `test` with their heads (class counts from train only).

    facts: plain types, for the run record. notes: lines for the terminal. fingerprint: hex digest of texts, labels and
    split membership, independent of the files' names.
    """

    name: str
    splits: dict[str, Rows]
    heads: tuple[HeadSpec, ...]
    facts: dict[str, object]
    notes: tuple[str, ...]
    fingerprint: str
    stream: Stream | None = None
    """Shards with all training rows, of which `train` is a sample; the counts of the heads are of all rows."""


def load(data: Labelled, cache: Path) -> Corpus:
    """Read, split and check the requested data set. cache: folder for Arrow copies of files.

    Raises RequestError with all mistakes at once: first those of paths and columns, then those that need the rows.
    """
    source = open_source(data, cache.expanduser())
    encoders = {head: LabelEncoder(source.classes.get(head, ())) for head in source.columns.labels}
    surveys = {split: whole_survey(table, source.columns, encoders) for split, table in source.tables.items()}
    merging = merged(surveys, encoders) if isinstance(data, Columned) and data.merge_spellings else None
    if merging is not None:
        surveys, encoders = merging.surveys, merging.encoders
        source = replace(source, classes={head: tuple(encoders[head].names) for head in source.classes})
    may_hold_sets = source.columns.sets is None and isinstance(data, Columned)
    values = {head: encoder.names for head, encoder in encoders.items()} if may_hold_sets else {}
    unused = partial(unused_labels, source.tables, source.columns)
    checks = [check_rows(surveys, values, unused)]
    refuse_if_any(checks[0].mistakes)
    splits = make_splits(surveys, data)
    if source.stream is not None:
        splits = replace(splits, drawn=source.stream.drawn, kept_together="text")
    heads, labels = _labelled(source, splits, encoders)
    texts = {name: _texts(source, part) for name, part in splits.parts.items()}
    checks += [check_classes(heads, unused), unvalidated_classes(heads, labels["val"])]
    checks += [check_leaks(splits, texts["train"], labels["train"], heads, data.leaks)]
    refuse_if_any([mistake for check in checks for mistake in check.mistakes])
    if data.split.train_on_val:  # after the checks: val is not held out from here on
        splits = with_val_in_train(splits)
        heads, labels = _labelled(source, splits, encoders)
        texts["train"] = _texts(source, splits.parts["train"])
    rows = {
        name: Rows(texts[name], labels[name], _probabilities(source, part), part.rows)
        for name, part in splits.parts.items()
    }
    fingerprint = _fingerprint(splits, heads, labels, stream=source.stream)
    facts = {"name": source.name, "fingerprint": fingerprint} | _facts(splits, heads, data)
    if source.stream is not None:
        facts |= stream_facts(source.stream, facts)
    if data.split.folds is not None:
        facts |= {"validation": f"fold {data.split.fold} of {data.split.folds}"}
        facts |= {"compared_as": _fingerprint(splits, heads, labels, by_fold=False)}
    for check in checks:
        facts |= check.facts
    if merging is not None:
        facts |= {"merged_spellings": merging.spellings}
    notes = (*(merging.notes if merging else ()), *splits.notes, *(note for check in checks for note in check.notes))
    if data.split.train_on_val:
        notes += ("train_on_val: val rows are trained on, so their scores mean nothing and the last epoch is kept",)
    if source.stream is not None:
        notes = (stream_note(source.stream, len(splits.parts["train"])), *notes)
    return Corpus(source.name, rows, heads, facts, notes, fingerprint, source.stream)


def _labelled(
    source: Source, splits: Splits, encoders: Mapping[str, LabelEncoder]
) -> tuple[tuple[HeadSpec, ...], dict[str, dict[str, Ints]]]:
    """The heads, and class indices by split and head. Classes are those of the kept rows, in `class_order`; if the
    source defines an order, all of its classes in that order."""
    heads = []
    labels: dict[str, dict[str, Ints]] = {name: {} for name in splits.parts}
    for head, encoder in encoders.items():
        codes = {name: part.labels[head] for name, part in splits.parts.items()}
        used = np.unique(np.concatenate([code[code != MISSING] for code in codes.values()]))
        if head in source.classes:
            used = np.arange(len(source.classes[head]))
        names = [encoder.names[code] for code in used.tolist()]
        order = list(range(len(names))) if head in source.classes else class_order(names)
        places = np.full(len(encoder.names) + 1, MISSING, np.int64)  # the last place is for MISSING
        places[used[order]] = np.arange(len(order))
        for name, code in codes.items():
            labels[name][head] = places[np.where(code == MISSING, len(encoder.names), code)]
        train = labels["train"][head]
        counts = np.bincount(train[train != MISSING], minlength=len(names)).tolist()
        if source.stream is not None:
            counts = list(source.stream.counts[head])
        heads.append(HeadSpec(head, tuple(names[place] for place in order), tuple(counts)))
    return tuple(heads), labels


def _texts(source: Source, part: SplitRows) -> ColumnTexts:
    columns = source.columns
    return ColumnTexts(source.tables[part.table], columns.text, columns.separator, columns.missing, part.rows)


def _probabilities(source: Source, part: SplitRows) -> dict[str, Floats] | None:
    if source.probabilities is None:
        return None
    return {head: values[part.rows].astype(np.float32, copy=False) for head, values in source.probabilities.items()}


def _facts(splits: Splits, heads: tuple[HeadSpec, ...], data: Labelled) -> dict[str, object]:
    return {
        "rows": {name: len(part) for name, part in splits.parts.items()},
        "labelled": {
            name: {head: int((codes != MISSING).sum()) for head, codes in part.labels.items()}
            for name, part in splits.parts.items()
        },
        "classes": {head.name: head.num_classes for head in heads},
        "split": {
            "drawn": list(splits.drawn),
            "seed": data.split.seed,
            "kept_together": splits.kept_together,
            "missed": list(splits.notes),
        },
    }


def _fingerprint(
    splits: Splits,
    heads: tuple[HeadSpec, ...],
    labels: Mapping[str, Mapping[str, Ints]],
    by_fold: bool = True,
    stream: Stream | None = None,
) -> str:
    """A digest of rows and labels of each split. by_fold: False to be equal for all folds of the same rows."""
    digest = hashlib.blake2b(digest_size=16)
    if not by_fold:
        whole = [splits.parts["train"].exact, splits.parts["val"].exact]
        digest.update(np.sort(np.concatenate(whole)).astype("<u8").tobytes())
        digest.update(splits.parts["test"].exact.astype("<u8").tobytes())
        return digest.hexdigest()
    for head in heads:
        digest.update(repr((head.name, head.classes)).encode())
    if stream is not None:
        digest.update(repr((stream.digest, stream.shares)).encode())
    for name, part in splits.parts.items():
        digest.update(repr((name, len(part))).encode())
        digest.update(part.exact.astype("<u8").tobytes())
        for head in heads:
            digest.update(labels[name][head.name].astype("<i8").tobytes())
    return digest.hexdigest()
