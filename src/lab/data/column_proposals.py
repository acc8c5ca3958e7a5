"""Columns to type for settings that name columns, from the first rows of the file that the request names.

A person who types `data=csv data.path=avisos.csv` gets the columns of avisos.csv and a line that works, instead of an
example. Only a request that is refused anyway has its file opened, and of the file a few hundred rows are read.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lab.config.check import NO_DEFAULT
from lab.config.rules.data import OTHER_COLUMN
from lab.config.schema import Config
from lab.core.errors import Mistake, RequestError, listed, missing_file
from lab.core.hydra_quoting import quoted

Check = Callable[[DictConfig], Config]
KEYS = ("data.text", "data.labels", "data.time", "data.label")
"""Keys whose values are names of columns."""
FILES = ("data.path", "data.train")
"""Keys that name the file with the columns."""
KINDS = ("files", "series_table")
"""Kinds of data that are read from a file of rows."""
ROWS = 300
"""Rows that are looked at."""
_LABELS = ("label", "class", "clase", "categor", "target", "etiqueta", "sentiment", "modo", "tipo", "type")
_TIMES = ("time", "date", "fecha", "hora", "moment", "stamp")
"""Parts of names that such columns often have."""
_MOST_CLASSES = 0.5
"""Distinct values of a label column, as a share of its rows, at most."""


class Head(NamedTuple):
    """The first rows of a file. mistakes: settings with which it would be read differently."""

    path: Path
    cells: dict[str, list[str | None]]
    mistakes: list[Mistake]


def with_columns_of_the_file(check: Check) -> Check:
    """Return `check` with columns of the named file in the mistakes about names of columns."""

    def checked(composed: DictConfig) -> Config:
        try:
            return check(composed)
        except RequestError as error:
            raise RequestError(with_columns(error.mistakes, composed)) from None

    return checked


def with_columns(mistakes: Sequence[Mistake], composed: DictConfig) -> list[Mistake]:
    """Return the mistakes with columns of the named file, and the mistakes of the file that hide its columns."""
    if not any(map(_is_about_columns, mistakes)) or _value(composed, "data.kind") not in KINDS:
        return list(mistakes)
    named = _file(composed)
    if named is None and (named := _file_here()) is None:
        return list(mistakes)
    key, path = named
    if _value(composed, "data.streaming"):
        path = _first_shard(path)
    missing = missing_file(key, path, _is_readable, "file of texts")
    found = path if missing is None else _proposed_file(missing)
    every = [replace(mistake, remedy=quoted(key, path)) if _names_no_file(mistake) else mistake for mistake in mistakes]
    every += [] if missing is None else [missing]
    if found is None:
        return every
    try:
        head = read_head(key, found, str(_value(composed, "data.encoding")), _value(composed, "data.delimiter"))
    except RequestError as error:
        return [*every, *error.mistakes]
    taken = [_value(composed, name) for name in (*KEYS, "data.group", "data.split.group")]
    used = {str(name) for value in taken for name in (value if isinstance(value, list) else [value])} - {"None", "???"}
    return [*(_filled(mistake, head, used) for mistake in every), *head.mistakes]


def read_head(key: str, path: Path, encoding: str = "utf-8", delimiter: object = None) -> Head:
    """Return the first rows of a file. Raises RequestError for a file that is not there or cannot be read at all."""
    from lab.data.readers.delimiters import marks_in
    from lab.data.readers.encodings import wrong_encoding
    from lab.data.readers.row_file import FileSettings
    from lab.data.readers.text_files import READ_ERRORS, checked

    settings, mistakes = FileSettings(delimiter if isinstance(delimiter, str) else None, encoding), list[Mistake]()
    file = checked(path, key)(path, key, settings)
    try:
        try:
            cells = file.head(ROWS)
        except UnicodeError:  # the names have few letters that differ between encodings of one byte
            mistakes.append(wrong_encoding(path, key, encoding))
            file = replace(file, settings=replace(settings, encoding="latin-1"))
            cells = file.head(ROWS)
        if "delimiter" in file.read_settings and len(cells) == 1 and (marks := marks_in(next(iter(cells)), "")):
            problem = f"{path.name} has one column, {next(iter(cells))!r}: its cells are separated by another sign"
            mistakes.append(Mistake("data.delimiter", problem, quoted("data.delimiter", marks[0])))
            cells = replace(file, settings=replace(file.settings, delimiter=marks[0])).head(ROWS)
    except READ_ERRORS as error:
        raise RequestError(file.explain(" ".join(str(error).split()))) from error
    return Head(path, cells, mistakes)


def proposed(key: str, cells: dict[str, list[str | None]], used: set[str]) -> str | None:
    """Return a column that is likely to be meant by a key, or None if there is no other column than the `used`.

    Texts are the column of the longest cells. A label is a column whose values repeat, if possible of a usual name,
    otherwise the last such column. Times are the first column of a usual name, otherwise the first column.

    >>> cells = {"id": list("1234"), "aviso": ["fuga de agua", "cable roto", "agua", "luz"], "modo": list("abab")}
    >>> [proposed(key, cells, set()) for key in ("data.text", "data.labels", "data.time")]
    ['aviso', 'modo', 'id']
    """
    free = {name: [cell for cell in column if cell] for name, column in cells.items() if name and name not in used}
    if key == "data.text":
        return max(free, key=lambda name: sum(map(len, free[name])), default=None)
    if key == "data.time":
        return _named(free, _TIMES) or next(iter(free), None)
    text = proposed("data.text", cells, used)
    repeating = [name for name in free if name != text and _repeats(free[name])]
    others = repeating or [name for name in free if name != text]
    return _named(repeating, _LABELS) or (others[-1] if others else None)


def _named(names: "Sequence[str] | dict[str, list[str]]", parts: Sequence[str]) -> str | None:
    return next((name for name in names if any(part in name.lower() for part in parts)), None)


def _repeats(values: list[str]) -> bool:
    return 2 <= len(set(values)) <= max(2, _MOST_CLASSES * len(values))


def _is_about_columns(mistake: Mistake) -> bool:
    blank = mistake.key in KEYS and mistake.problem.startswith(NO_DEFAULT)
    return blank or OTHER_COLUMN in mistake.remedy


def _filled(mistake: Mistake, head: Head, used: set[str]) -> Mistake:
    if not _is_about_columns(mistake):
        return mistake
    key = mistake.remedy.strip("'").partition("=")[0] if OTHER_COLUMN in mistake.remedy else mistake.key
    name = proposed(key, head.cells, used)
    if name is None:
        return mistake
    if OTHER_COLUMN in mistake.remedy:
        return replace(mistake, remedy=quoted(key, name if key == "data.label" else [name]))
    problem = f"{NO_DEFAULT}: {head.path.name} has the columns {listed(list(head.cells))}"
    return replace(
        mistake, problem=problem, remedy=quoted(key, [name] if key in ("data.text", "data.labels") else name)
    )


def _file(composed: DictConfig) -> tuple[str, Path] | None:
    """The key and path of the first file that a request names; None if it names none."""
    for key in FILES:
        value = _value(composed, key)
        first = next(iter(value), None) if isinstance(value, list) else value
        if isinstance(first, str) and first != "???":
            return key, Path(first).expanduser()
    return None


def _first_shard(pattern: Path) -> Path:
    """The first file that a folder or a pattern names; the pattern if it names none, which is then the mistake."""
    from lab.data.text.streaming.shards import matching

    try:
        return matching(str(pattern), FILES[0])[0].path
    except RequestError:
        return pattern


def _file_here() -> tuple[str, Path] | None:
    """The first file of rows in the working folder, which is proposed to a request that names no file."""
    files = sorted(path for path in Path().iterdir() if _is_readable(path) and path.is_file())
    return (FILES[0], files[0]) if files else None


def _is_readable(path: Path) -> bool:
    from lab.data.readers.text_files import format_of

    return format_of(path) is not None


def _proposed_file(missing: Mistake) -> Path | None:
    """The file that the remedy of a missing one names."""
    words = shlex.split(missing.remedy)
    path = Path(words[0].partition("=")[2].strip('"')) if words else None
    return path if path is not None and path.is_file() else None


def _names_no_file(mistake: Mistake) -> bool:
    blank = mistake.key == FILES[0] and mistake.problem.startswith(NO_DEFAULT)
    return blank or (mistake.key == FILES[0] and mistake.value is None)


def _value(composed: DictConfig, key: str) -> object:
    """A value as plain Python; None for a key that is missing, blank or cannot be resolved."""
    try:
        value = OmegaConf.select(composed, key)
    except OmegaConfBaseException:
        return None
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
