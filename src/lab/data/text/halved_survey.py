"""The survey of a large table by two processes, half of the rows each: the same result in half of the time."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lab.core.batches import MISSING
from lab.core.processes.background import halved, is_possible
from lab.data.label_encoder import LabelEncoder
from lab.data.readers.text_table import Table
from lab.data.text.label_survey import Columns, Survey, survey

HALVED = 200_000
"""Rows from which a second process pays."""
ARRAYS = ("rows", "exact", "plain", "masked", "groups")
COUNTS = ("num_rows", "no_text", "no_label", "headers")
Encoders = dict[str, LabelEncoder]


def whole_survey(table: Table, columns: Columns, encoders: Encoders) -> Survey:
    """As `survey` of all rows."""
    if len(table) < HALVED or not is_possible():
        return survey(table, columns, encoders)
    middle, early = len(table) // 2, list[Survey]()
    others = {head: LabelEncoder(encoder.names) for head, encoder in encoders.items()}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        halved(
            lambda: early.append(survey(table, columns, encoders, 0, middle)),
            lambda: _write(folder, survey(table, columns, others, middle, len(table)), others),
        )
        late, names = _read(folder, early[0])
    return _joined(early[0], late, names, encoders)


def _write(folder: Path, part: Survey, encoders: Encoders) -> None:
    arrays = {name: getattr(part, name) for name in ARRAYS if getattr(part, name) is not None}
    arrays |= {f"label {place}": codes for place, codes in enumerate(part.labels.values())}
    np.savez(folder / "arrays.npz", **arrays)
    counts: dict[str, Any] = {name: getattr(part, name) for name in COUNTS}
    names = {head: encoder.names for head, encoder in encoders.items()}
    counts |= {"missing": part.missing, "copies": list(part.copies.values()), "names": names}
    (folder / "counts.json").write_text(json.dumps(counts), encoding="utf-8")


def _read(folder: Path, like: Survey) -> tuple[Survey, dict[str, list[str]]]:
    """What `_write` wrote, with the names of its classes. like: a survey of the same columns."""
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        labels = {head: arrays[f"label {place}"] for place, head in enumerate(like.labels)}
        known: dict[str, Any] = {name: arrays.get(name) for name in ARRAYS}
    copies = dict(zip(like.copies, counts["copies"], strict=True))
    numbers = {name: counts[name] for name in COUNTS}
    return Survey(**known, **numbers, labels=labels, missing=counts["missing"], copies=copies), counts["names"]


def _joined(early: Survey, late: Survey, names: Mapping[str, list[str]], encoders: Encoders) -> Survey:
    """Both parts; the encoders learn the classes of the later one in the order of their appearance."""
    labels = {}
    for head, codes in late.labels.items():
        learned = np.array([*(encoders[head].code(name) for name in names[head]), MISSING], np.int64)
        places = np.where(codes == MISSING, len(learned) - 1, codes)
        labels[head] = np.concatenate([early.labels[head], learned[places]])
    arrays: dict[str, Any] = {
        name: None if getattr(early, name) is None else np.concatenate([getattr(early, name), getattr(late, name)])
        for name in ARRAYS
    }
    numbers = {name: getattr(early, name) + getattr(late, name) for name in COUNTS}
    missing = {name: num + late.missing[name] for name, num in early.missing.items()}
    copies = {pair: num + late.copies[pair] for pair, num in early.copies.items()}
    return replace(early, **arrays, **numbers, labels=labels, missing=missing, copies=copies)
