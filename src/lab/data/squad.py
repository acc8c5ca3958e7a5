"""Files in the format of SQuAD, versions 1.1 (arXiv 1606.05250) and 2.0 (arXiv 1806.03822), and its rows on the hub.

Every fault of a file's shape is found and named by its path in it (`data[3].paragraphs[0].qas[2]`), so that a person
mends it in one go; a file that is no JSON is named with line and column. Cost: SQuAD's 130,000 questions in seconds.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.data.reading import Gathered, Reading
from lab.data.tables import Table
from lab.errors import Mistake, RequestError, listed, nearest

MOST_FAULTS = 10
"""Faults of a file that are written out; the rest is counted."""
_KINDS = {str: "text", int: "a whole number", list: "a list", dict: "an object"}


def read_squad(path: Path, key: str) -> Reading:
    """The questions of a file. key: config key to blame. Raises RequestError with everything wrong in it."""
    given = _parsed(path, key)
    reader = _Reader()
    reader.file(given)
    if reader.faults:
        raise RequestError(_named(reader.faults, key, path))
    reading = reader.gathered.reading()
    if not reading.questions and not reading.lost:
        raise RequestError(Mistake(key, "holds no question", "a file with data[].paragraphs[].qas[]", path))
    return reading


def read_rows(table: Table, key: str, name: str) -> Reading:
    """The questions of a table in the hub's layout: id, title, context, question, answers {text, answer_start}."""
    wanted = ("id", "context", "question", "answers")
    absent = [column for column in wanted if column not in table.columns]
    if absent:
        problem = f"has no column {listed(absent)}; it has {listed(table.columns)}"
        raise RequestError(Mistake(key, problem, "a data set in the layout of rajpurkar/squad", name))
    gathered, numbers = Gathered(), dict[tuple[str, str], int]()
    for row in table.data.to_list():
        place = (str(row.get("title") or row["context"]), row["context"])
        if place not in numbers:
            numbers[place] = gathered.context(row["context"], place[0])
        answers = list(zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True))
        gathered.ask(str(row["id"]), row["question"], numbers[place], answers)
    return gathered.reading()


def read_ids(path: Path, key: str) -> list[str]:
    """Question ids of a file: a JSON list, or one a line. Raises RequestError for a file that holds none."""
    text = _text(path, key)
    if text.lstrip().startswith(("[", "{")):
        found = _json(text, path, key)
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise RequestError(Mistake(key, "is no list of ids", '["id", ...], or one id a line', path))
    else:
        found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise RequestError(Mistake(key, "holds no id", '["id", ...], or one id a line', path))
    return list(dict.fromkeys(found))


class _Reader:
    """Walks a parsed file; keeps every fault of its shape."""

    def __init__(self) -> None:
        self.gathered = Gathered()
        self.faults: list[str] = []
        self.ids: dict[str, str] = {}

    def file(self, given: Any) -> None:
        if isinstance(given, dict) and "data" in given:
            for number, document in enumerate(self._list(given, "data", "")):
                self._document(document, f"data[{number}]", number)
        else:
            self.faults.append("has no list `data`: this is no file in the format of SQuAD")

    def _document(self, given: Any, at: str, number: int) -> None:
        title = given.get("title") if isinstance(given, dict) else None
        document = str(title) if title else f"document {number}"
        for place, paragraph in enumerate(self._list(given, "paragraphs", at)):
            here = f"{at}.paragraphs[{place}]"
            text = self._field(paragraph, "context", str, here)
            context = self.gathered.context(text or "", document)
            if text is not None and not text.strip():
                self.faults.append(f"{here}.context is empty")
            for order, question in enumerate(self._list(paragraph, "qas", here)):
                self._question(question, f"{here}.qas[{order}]", context)

    def _question(self, given: Any, at: str, context: int) -> None:
        name = self._field(given, "id", str, at)
        text = self._field(given, "question", str, at)
        impossible = isinstance(given, dict) and given.get("is_impossible") is True
        answers = [] if impossible else [self._answer(one, where) for one, where in self._answers(given, at)]
        if name is None or text is None or any(answer is None for answer in answers):
            return
        if name in self.ids:
            self.faults.append(f"{at}.id is the same as {self.ids[name]}.id: {name!r}")
        elif not text.strip():
            self.faults.append(f"{at}.question is empty (id {name!r})")
        elif len(self.gathered.contexts[context]) < len(text):
            self.faults.append(f"{at}.question is longer than its context (id {name!r}): are they swapped?")
        else:
            self.gathered.ask(name, text.strip(), context, [answer for answer in answers if answer is not None])
        self.ids[name] = at

    def _answers(self, given: Any, at: str) -> Iterator[tuple[Any, str]]:
        return ((one, f"{at}.answers[{number}]") for number, one in enumerate(self._list(given, "answers", at)))

    def _answer(self, given: Any, at: str) -> tuple[str, int] | None:
        text = self._field(given, "text", str, at)
        start = self._field(given, "answer_start", int, at)
        return None if text is None or start is None else (text, start)

    def _list(self, given: Any, name: str, at: str) -> list[Any]:
        return self._field(given, name, list, at) or []

    def _field(self, given: Any, name: str, kind: type, at: str) -> Any:
        where = f"{at}.{name}" if at else name
        if not isinstance(given, Mapping):
            self.faults.append(f"{at} is no object")
            return None
        value = given.get(name)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        near = nearest(name, [str(other) for other in given])
        close = f"; the nearest is {near}" if near and near != name else ""
        self.faults.append(f"{where} is missing{close}" if name not in given else f"{where} must be {_KINDS[kind]}")
        return None


def _named(faults: list[str], key: str, path: Path) -> list[Mistake]:
    found = list(dict.fromkeys(faults))
    shown = [Mistake(key, fault, "", path) for fault in found[:MOST_FAULTS]]
    rest = len(found) - len(shown)
    return shown + ([Mistake(key, f"and {rest} more such faults", "", path)] if rest else [])


def _parsed(path: Path, key: str) -> Any:
    return _json(_text(path, key), path, key)


def _text(path: Path, key: str) -> str:
    if not path.is_file():
        folder = path.parent
        beside = [other.name for other in folder.glob("*.json")] if folder.is_dir() else []
        close = nearest(path.name, beside)
        problem = "is a folder, not a file" if path.is_dir() else "no such file"
        raise RequestError(Mistake(key, problem, f"{key}={folder / close}" if close else "", path))
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(Mistake(key, f"is not UTF-8 ({error})", "save it as UTF-8", path)) from error
    except OSError as error:
        raise RequestError(Mistake(key, f"cannot be read: {error.strerror or error}", "", path)) from error


def _json(text: str, path: Path, key: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise RequestError(Mistake(key, problem, "a whole file", path)) from error
