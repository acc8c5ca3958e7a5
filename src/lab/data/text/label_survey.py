"""One pass over a table: the usable rows, their labels as numbers, and 64-bit hashes of their texts and groups.

Why: all later decisions (splits, leaks, counts) use these arrays, so texts are read once and not kept in memory.
Missing markers become null here and are counted per column. Cost: about 10 microseconds and 60 bytes per row.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.core.batches import MISSING
from lab.data.label_encoder import LabelEncoder
from lab.data.readers.text_table import Table
from lab.data.text.text_columns import join_columns, without_markers

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
_SPACES = r"\s\s|[\t\n\f\r]"
_TAG = r"\b[a-z]{1,5}[-_/]?\d+[a-z]?\b"


@dataclass(frozen=True)
class Columns:
    """Columns to read: text columns (joined with `separator`), label columns, group column; markers of missing cells.

    sets: label columns that hold sets of labels, separated by `set_separator`; None if the request does not name any.
    """

    text: tuple[str, ...]
    labels: tuple[str, ...]
    group: str | None = None
    separator: str = " "
    missing: tuple[str, ...] = ()
    sets: tuple[str, ...] | None = None
    set_separator: str = "|"

    @property
    def all(self) -> tuple[str, ...]:
        """Every column once, in the order text, labels, group."""
        return tuple(dict.fromkeys((*self.text, *self.labels, *([self.group] if self.group else []))))


@dataclass(frozen=True)
class Survey:
    """Result of one pass. Arrays have one entry per usable row, in the table's order.

    rows: positions in the table; labels: codes per head; exact, plain, masked: hashes of the text as it is, of the text
    without differences of case, accents and spaces, and of the text also without tags and digits; groups: hashes of the
    group (a row without a group is its own group). Counts are over all `num_rows` rows of the table.
    """

    num_rows: int
    rows: Ints
    labels: dict[str, Ints]
    exact: Hashes
    plain: Hashes
    masked: Hashes
    groups: Hashes | None
    no_text: int
    no_label: int
    headers: int
    """Rows that repeat the header, as in files that were joined."""
    missing: dict[str, int]
    copies: dict[tuple[str, str], int]
    """Number of usable rows whose text cell is the label itself, by (label column, text column)."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class _Gathered:
    rows: list[Ints] = field(default_factory=list)
    labels: dict[str, list[Ints]] = field(default_factory=dict)
    hashes: dict[str, list[Hashes]] = field(default_factory=dict)

    def hashed(self, name: str) -> Hashes:
        return np.concatenate(self.hashes.get(name, [np.zeros(0, np.uint64)]))


def survey(
    table: Table, columns: Columns, encoders: dict[str, LabelEncoder], first: int = 0, stop: int | None = None
) -> Survey:
    """Read the rows of `table` from `first` up to `stop` once; the encoders (one per label column) learn the classes
    that occur.

    Rows without any text, rows without any label and rows that repeat the header are left out and counted.
    """
    parts = _Gathered(labels={head: [] for head in columns.labels})
    no_text = no_label = headers = 0
    start = first
    missing = dict.fromkeys(columns.all, 0)
    copies = {(head, text): 0 for head in columns.labels for text in columns.text}
    for batch in table.narrow(columns.all).batches(first, stop):
        header = _header_rows(batch, columns.all)
        headers += int(header.sum())
        if header.any():
            batch = {name: pc.if_else(pa.array(header), None, values) for name, values in batch.items()}
        cells = {name: without_markers(values, columns.missing) for name, values in batch.items()}
        for name in missing:
            missing[name] += cells[name].null_count - int(header.sum())
        texts = join_columns([cells[name] for name in columns.text], columns.separator)
        has_text = _bools(texts.is_valid())
        codes = {head: encoders[head].encode(cells[head]) for head in columns.labels}
        has_label = np.any([code != MISSING for code in codes.values()], axis=0)
        no_text += int((~has_text & ~header).sum())
        no_label += int((has_text & ~has_label).sum())
        kept = np.flatnonzero(has_text & has_label)
        at = pa.array(kept)
        cells, texts = {name: values.take(at) for name, values in cells.items()}, texts.take(at)
        plain = {name: plain_text(cells[name]) for name in columns.text}
        for head, text in copies:
            copies[head, text] += _equal(cells[head], plain[text])
        parts.rows.append(kept + start)
        for head, code in codes.items():
            parts.labels[head].append(code[kept])
        plain_texts = plain[columns.text[0]] if len(columns.text) == 1 else plain_text(texts)
        groups = cells[columns.group] if columns.group else None
        for name, hashes in _hashes(texts, plain_texts, groups, kept + start).items():
            parts.hashes.setdefault(name, []).append(hashes)
        start += len(has_text)
    return Survey(
        num_rows=start - first,
        rows=_concatenated(parts.rows),
        labels={head: _concatenated(codes) for head, codes in parts.labels.items()},
        exact=parts.hashed("exact"),
        plain=parts.hashed("plain"),
        masked=parts.hashed("masked"),
        groups=parts.hashed("groups") if columns.group else None,
        no_text=no_text,
        no_label=no_label,
        headers=headers,
        missing=missing,
        copies=copies,
    )


def _header_rows(cells: Mapping[str, Any], names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Rows in which every cell is the name of its column."""
    same = np.ones(len(next(iter(cells.values()))), bool)
    for name in names:
        equal = pc.equal(pc.utf8_trim_whitespace(cells[name]), name.strip())
        same &= pc.fill_null(equal, fill_value=False).to_numpy(zero_copy_only=False)
        if not same.any():
            break
    return same


def plain_text(texts: Any) -> Any:
    """Return a string array without differences of case, accents and spaces."""
    if not len(texts):  # Arrow 25's search in a slice without rows may crash
        return texts
    folded = pc.utf8_lower(_where(pc.invert(pc.string_is_ascii(texts)), texts, _without_accents))
    return pc.utf8_trim_whitespace(_where(pc.match_substring_regex(folded, _SPACES), folded, _single_spaces))


def _where(chosen: Any, texts: Any, change: Callable[[Any], Any]) -> Any:
    """The texts, with `change` of those that are chosen: the regular expressions of Arrow are slow on rows that do not
    need them."""
    if not pc.any(chosen).as_py():
        return texts
    return pc.replace_with_mask(texts, pc.fill_null(chosen, fill_value=False), change(texts.filter(chosen)))


def _without_accents(texts: Any) -> Any:
    return pc.replace_substring_regex(pc.utf8_normalize(texts, form="NFKD"), r"\p{Mn}+", "")


def _single_spaces(texts: Any) -> Any:
    return pc.replace_substring_regex(texts, r"\s+", " ")


def masked_text(plain: Any) -> Any:
    """Return a result of `plain_text` with "#" in place of tags (P-101A) and numbers."""
    if not len(plain):  # as in `plain_text`
        return plain
    return _where(pc.match_substring_regex(plain, r"\d"), plain, _without_numbers)


def _without_numbers(texts: Any) -> Any:
    return pc.replace_substring_regex(pc.replace_substring_regex(texts, _TAG, "#"), r"\d+", "#")


def hashed(texts: Any) -> Hashes:
    """Return the 64-bit BLAKE2b hash of each text of a string array without nulls. Among a million texts a collision
    has probability 3e-8."""
    digests = b"".join([blake2b(text, digest_size=8).digest() for text in texts.cast(pa.binary()).to_pylist()])
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)


def _hashed_again(texts: Any, before: Any, hashes: Hashes) -> Hashes:
    """`hashed` of texts most of which may be those of `before`, whose hashes are known."""
    changed = pc.not_equal(texts, before)
    result = hashes.copy()
    result[_bools(changed)] = hashed(texts.filter(changed))
    return result


def _hashes(used: Any, plain: Any, groups: Any, places: Ints) -> dict[str, Hashes]:
    """Hashes of the texts and groups of the rows at `places` in the table. groups: cells, or None."""
    hashes = {"exact": hashed(used)}
    hashes["plain"] = _hashed_again(plain, used, hashes["exact"])
    hashes["masked"] = _hashed_again(masked_text(plain), plain, hashes["plain"])
    if groups is not None:
        alone = pa.array([f"\0row {place}" for place in places.tolist()], pa.string())
        hashes["groups"] = hashed(pc.coalesce(_composed(groups), alone))
    return hashes


def _composed(cells: Any) -> Any:
    """A string array trimmed and in NFC, by Python's function: Arrow 25's NFC keeps accents as separate characters."""
    coded = pc.dictionary_encode(pc.utf8_trim_whitespace(cells))
    names = [unicodedata.normalize("NFC", name) for name in coded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(coded.indices)


def _equal(labels: Any, plain: Any) -> int:
    """The number of rows whose label is the text. plain: the texts as `plain_text`."""
    coded = pc.dictionary_encode(labels)
    same = pc.equal(plain_text(coded.dictionary).take(coded.indices), plain)
    return int(pc.sum(same.cast(pa.int64())).as_py() or 0)


def _bools(values: Any) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = values.to_numpy(zero_copy_only=False)
    return result


def _concatenated(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
