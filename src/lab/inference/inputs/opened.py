"""Opens the inputs that a request names, and refuses those that would be read wrongly before a row is predicted."""

import codecs
import io
import itertools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.core.errors import Mistake, RequestError, listed, missing_file, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers import encodings
from lab.data.readers.file_bytes import utf_16_variant
from lab.inference.inputs.csv_rows import csv_file, csv_lines
from lab.inference.inputs.decoding import MAY_READ, WRONG_ENCODING, decoded
from lab.inference.inputs.interface import HEAD_ROWS, STANDARD, Input, NewRow, Settings, readable
from lab.inference.inputs.json_rows import json_file, json_lines
from lab.inference.inputs.own_settings import settings_of
from lab.inference.inputs.tables import parquet, xlsx

NEARLY_ALL = 0.9
"""Share of wrong rows among the first ones from which the whole input is refused."""
FEW = 10
"""Rows of another encoding that show the encoding of an input whose other rows have no letters beyond ASCII."""
OPENERS: Mapping[str, Callable[[Path, str, Settings], Input]] = {
    ".csv": csv_file, ".tsv": csv_file, ".jsonl": json_file, ".ndjson": json_file, ".json": json_file,
    ".parquet": parquet, ".xlsx": xlsx,
}  # fmt: skip
"""The function that opens a file, by its ending."""
TEXTS = (csv_file, json_file)


def open_inputs(paths: Sequence[str], settings: Settings) -> list[Input]:
    """Open all inputs. Raises RequestError with the mistakes of all of them."""
    mistakes, inputs = list[Mistake](), list[Input]()
    if paths.count(STANDARD) > 1:
        raise RequestError(Mistake("input", "names standard input twice", "name it once"))
    try:
        codecs.lookup(settings.encoding)
    except LookupError:
        raise RequestError(Mistake("encoding", "no such encoding", "encoding=latin-1", settings.encoding)) from None
    for path in paths:
        try:
            inputs.append(_opened(path, settings))
        except RequestError as error:
            mistakes += error.mistakes
    if mistakes:
        raise RequestError(mistakes)
    return inputs


def check_columns(inputs: Sequence[Input], needed: Sequence[str], columns: Mapping[str, str]) -> None:
    """Raises RequestError naming the columns that an input lacks. columns: as `PredictRequest.columns`."""
    mistakes = []
    own_names = {given: own for own, given in columns.items()}
    for source in inputs:
        for name in needed:
            if name in source.columns:
                continue
            own = own_names.get(name, name)
            free = [column for column in source.columns if column not in needed]
            near = nearest(name, free) or (free[0] if len(free) == 1 else None)
            remedy = f"'columns={{{own}: {near or free[0]}}}'" if free else ""
            remedy = _other_delimiter(source) or remedy
            problem = f"{source.name} has no column {name!r}, which the run reads; it has {listed(source.columns)}"
            mistakes.append(Mistake("input", problem, remedy))
    if mistakes:
        raise RequestError(mistakes)


def pieces(inputs: Sequence[Input], size: int) -> Iterator[list[NewRow]]:
    """Yield all rows of all inputs in order, at most `size` at a time."""
    rows = itertools.chain.from_iterable(source.numbered() for source in inputs)
    while piece := list(itertools.islice(rows, size)):
        yield piece


def _opened(typed: str, settings: Settings) -> Input:
    if typed == STANDARD:
        return _standard_input(settings)
    path = Path(typed).expanduser()
    if (missing := missing_file("input", path, lambda other: _opener(other) is not None, "file of rows")) is not None:
        raise RequestError(replace(missing, value=typed))
    opener = _opener(path)
    if opener is None:
        problem = f"the ending is none of {', '.join(OPENERS)} (.gz may follow one of a text file)"
        raise RequestError(Mistake("input", problem, "rename or convert the file", typed))
    with readable(typed):
        if opener in TEXTS:
            settings = settings_of(path, settings)
            _refuse_other_encoding(path, typed, settings.encoding)
        return _sound_head(opener(path, typed, settings), settings.encoding, path if opener in TEXTS else None)


def _opener(path: Path) -> Callable[[Path, str, Settings], Input] | None:
    """The function for a file of this ending; None for an unknown ending."""
    name = path.name.lower().removesuffix(".gz")
    return next((opener for ending, opener in OPENERS.items() if name.endswith(ending)), None)


def _standard_input(settings: Settings) -> Input:
    stream = io.BufferedReader(sys.stdin.buffer)  # type: ignore[type-var]
    start = stream.peek(4096)[:4096].removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    lines = decoded(stream, settings.encoding, settings.files)
    with readable(STANDARD):
        if start == b"{":
            return _sound_head(json_lines(lines, STANDARD, settings), settings.encoding)
        return _sound_head(
            csv_lines(
                lines, STANDARD, settings.delimiter or (settings.own and settings.own.delimiter) or ",", settings
            ),
            settings.encoding,
        )


def _refuse_other_encoding(path: Path, typed: str, encoding: str) -> None:
    """Raises RequestError for a file that its encoding would read as other characters, without an error."""
    if not encoding.lower().startswith(("utf-16", "utf_16", "utf16")) and (variant := utf_16_variant(path)):
        problem = f"{WRONG_ENCODING.format(encoding)}: its bytes are those of UTF-16"
        raise RequestError(Mistake("input", problem, f"encoding={variant}", typed))
    if encodings.is_really_utf_8(path, encoding):
        problem = f"is UTF-8; read as {encoding}, each letter beyond ASCII becomes two wrong ones"
        raise RequestError(Mistake("input", problem, "encoding=utf-8", typed))


def _sound_head(source: Input, encoding: str, path: Path | None = None) -> Input:
    """The same input. Raises RequestError if nearly all of its first rows cannot be read for the same reason.

    path: of a text file, whose encoding can be looked at."""
    rows = iter(source.rows)
    head = list(itertools.islice(rows, HEAD_ROWS))
    wrong = [fault for _, fault in head if fault is not None]
    if wrong:
        reason, num = Counter(map(_kind, wrong)).most_common(1)[0]
        example = next(fault for fault in wrong if _kind(fault) == reason)
        of_encoding = example.startswith(WRONG_ENCODING.format(encoding))
        whole = len(head) if not of_encoding else num + sum(not _is_ascii(cells) for cells, fault in head if not fault)
        if (num >= NEARLY_ALL * len(head) and len(head) > 1) or (of_encoding and num >= max(FEW, NEARLY_ALL * whole)):
            which = f"{num} of its first {len(head)} rows"
            raise RequestError(_wrong_head(source, which, example, path, encoding))
    return replace(source, rows=itertools.chain(head, rows))


def _other_delimiter(source: Input) -> str:
    """The delimiter to type if the header of an input is one cell that contains another one; else empty."""
    mark = next((mark for mark in ";\t|," if len(source.columns) == 1 and mark in source.columns[0]), None)
    return quoted("delimiter", mark) if mark else ""


def _kind(fault: str) -> str:
    """What faults of the same reason have in common."""
    return re.sub(r"\d+", "#", fault.partition(":")[0].partition(";")[0])


def _is_ascii(cells: Mapping[str, Any]) -> bool:
    return all(not isinstance(cell, str) or cell.isascii() for cell in cells.values())


def _wrong_head(source: Input, which: str, fault: str, path: Path | None, encoding: str) -> Mistake:
    name = source.name
    if not fault.startswith(WRONG_ENCODING.format(encoding)):
        quotes = f"put cells with a delimiter in quotes, or name it: {quoted('delimiter', ';')}"
        remedy = (_other_delimiter(source) or quotes) if "cells" in fault else ""
        return Mistake("input", f"{which} cannot be predicted; the first such row {fault}", remedy, name)
    if path is not None:
        found = encodings.wrong_encoding(path, "input", encoding, "encoding")
        return replace(found, value=name)
    remedy = fault.partition("; ")[2].removesuffix(MAY_READ)
    return Mistake("input", f"{which} are not {encoding}", remedy, name)
