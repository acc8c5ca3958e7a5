"""Files in the format of SQuAD, versions 1.1 (arXiv 1606.05250) and 2.0 (arXiv 1806.03822), and its rows on the hub.

Every fault of shape is found and named by its path (`data[3].paragraphs[0].qas[2]`, `row[7].answers`), so that a person
mends it in one go; a file that is no JSON is named with line and column. Cost: SQuAD's 130,000 questions in seconds.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.qa.question_rows import Ambiguous, Gathered, Reading
from lab.data.readers.text_table import Table

MOST_FAULTS = 10
"""Faults of a file that are written out; the rest is counted."""
_HALF = re.compile(r"[\ud800-\udfff]")
"""Half of a pair that JSON writes one character with: no text, and nothing can be made of it."""
_KINDS = {str: "text", int: "a whole number", list: "a list", dict: "an object"}
_WHOLE = re.compile(r"\s*-?\d{1,18}(\.0*)?\s*")
"""A whole number as text, also as a table program writes it."""


def read_squad(path: Path, key: str, ambiguous: Ambiguous = "leave_out") -> Reading:
    """The questions of a file. key: config key to blame. Raises RequestError with everything wrong in it."""
    reader = _Reader(ambiguous)
    reader.file(_json(_text(path, key), path, key))
    return reader.reading(key, path, "a file with data[].paragraphs[].qas[]")


def read_rows(table: Table, key: str, name: str, ambiguous: Ambiguous = "leave_out") -> Reading:
    """The questions of a table in the hub's layout: id, title, context, question, and answers as {text: [...],
    answer_start: [...]} or a list of {text, answer_start}. Raises RequestError with everything wrong in it."""
    wanted = ("context", "question", "answers")
    absent = [column for column in wanted if column not in table.columns]
    if absent:
        problem = f"has no column {listed(absent)}; it has {listed(table.columns)}"
        raise RequestError(Mistake(key, problem, "a data set in the layout of rajpurkar/squad", name))
    reader = _Reader(ambiguous)
    for number, row in enumerate(table.data.to_list()):
        reader.row(row, f"row[{number}]")
    return reader.reading(key, name, "a split with rows")


def read_ids(path: Path, key: str) -> list[str]:
    """Question ids of a file: a JSON list, or one a line. Raises RequestError for a file that holds none."""
    text = _text(path, key)
    if text.lstrip().startswith(("[", "{")):
        found = _json(text, path, key)
        if not isinstance(found, list) or not all(isinstance(one, str) and not _HALF.search(one) for one in found):
            raise RequestError(Mistake(key, "is no list of ids", '["id", ...], or one id a line', path))
    else:
        found = [line.strip() for line in text.split("\n") if line.strip()]
    if not found:
        raise RequestError(Mistake(key, "holds no id", '["id", ...], or one id a line', path))
    return list(dict.fromkeys(found))


class _Reader:
    """Walks a parsed file or the rows of a table; keeps every fault of its shape."""

    def __init__(self, ambiguous: Ambiguous) -> None:
        self.ambiguous: Ambiguous = ambiguous
        self.gathered = Gathered()
        self.faults: list[str] = []
        self.ids: dict[str, str] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self.longer: list[str] = []

    def reading(self, key: str, value: object, layout: str) -> Reading:
        """What was walked. Raises RequestError with its faults, or with the layout where it holds no question."""
        reading = self.gathered.reading(self.ambiguous)
        if 2 * len(self.longer) > len(reading.questions):
            share = f"{len(self.longer)} of {len(reading.questions)} questions are longer than their contexts"
            self.faults.append(f"{share}, the first {self.longer[0]}: are they swapped?")
        if self.faults:
            raise RequestError(_named(self.faults, key, value))
        if not reading.questions:
            raise RequestError(Mistake(key, "holds no question", layout, value))
        return reading

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
            context = self.gathered.context(self._context(paragraph, here), document)
            for order, question in enumerate(self._list(paragraph, "qas", here)):
                self._question(question, f"{here}.qas[{order}]", context)

    def row(self, given: Mapping[str, Any], at: str) -> None:
        """One question with its context; equal contexts of one title are one."""
        text = self._context(given, at)
        place = (str(given.get("title") or text), text)
        if place not in self.numbers:
            self.numbers[place] = self.gathered.context(text, place[0])
        self._question(given, at, self.numbers[place])

    def _answers(self, given: Any, at: str) -> list[Any]:
        """As a list of {text, answer_start}; in files and rows alike null is none of them, and one may be alone."""
        answers = given.get("answers", ()) if isinstance(given, Mapping) else ()
        if answers is None:
            return []
        if not isinstance(answers, Mapping):
            return self._list(given, "answers", at)
        values = (answers.get("text"), answers.get("answer_start"))
        if values == (None, None) and len(answers) > 1:
            return []
        alone = not any(isinstance(value, list) for value in values)
        return [answers] if alone else self._paired(answers, f"{at}.answers")

    def _paired(self, given: Mapping[str, Any], at: str) -> list[Any]:
        """{text: [...], answer_start: [...]} as a list of {text, answer_start}."""
        texts, starts = self._field(given, "text", list, at), self._field(given, "answer_start", list, at)
        if texts is None or starts is None:
            return []
        if len(texts) != len(starts):
            self.faults.append(f"{at} has {len(texts)} of text and {len(starts)} of answer_start")
            return []
        return [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]

    def _context(self, given: Any, at: str) -> str:
        text = self._field(given, "context", str, at)
        if text is not None and not text.strip():
            self.faults.append(f"{at}.context is empty")
        return text or ""

    def _question(self, given: Any, at: str, context: int) -> None:
        name = self._id(given, at)
        text = self._field(given, "question", str, at)
        impossible = isinstance(given, Mapping) and given.get("is_impossible") is True
        listed_answers = [] if impossible else self._answers(given, at)
        answers = [self._answer(one, f"{at}.answers[{number}]") for number, one in enumerate(listed_answers)]
        if name is None or text is None or any(answer is None for answer in answers):
            return
        if name in self.ids:
            self.faults.append(f"{at}.id is the same as {self.ids[name]}.id: {name!r}")
        elif not text.strip():
            self.faults.append(f"{at}.question is empty (id {name!r})")
        else:
            self.gathered.ask(name, text, context, [answer for answer in answers if answer is not None])
            if 0 < len(self.gathered.contexts[context].strip()) < len(text.strip()):
                self.longer.append(f"{at} (id {name!r})")
        self.ids[name] = at

    def _id(self, given: Any, at: str) -> str | None:
        """Numbers are taken as text; a question without an id is named by its place, which no other has."""
        value = given.get("id") if isinstance(given, Mapping) else ""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            self.gathered.made_ids += 1
            return at
        number = whole(value)
        return self._field(given, "id", str, at) if isinstance(value, str) or number is None else str(number)

    def _answer(self, given: Any, at: str) -> tuple[str, int] | None:
        text = self._field(given, "text", str, at)
        start = whole(given.get("answer_start")) if isinstance(given, Mapping) else None
        if start is None:
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
        if isinstance(value, str) and (half := _HALF.search(value)):
            self.faults.append(f"{where} holds {half[0]!r}, half of a character")
            return None
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        near = nearest(name, [str(other) for other in given])
        close = f"; the nearest is {near}" if near and near != name else ""
        self.faults.append(f"{where} is missing{close}" if name not in given else f"{where} must be {_KINDS[kind]}")
        return None


def whole(value: object) -> int | None:
    """A whole number, however it is written: 15, 15.0, "15"; None for anything else.

    >>> whole("15"), whole(15.0), whole("15.0"), whole(15.5), whole(True)
    (15, 15, 15, None, None)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value.strip().split(".")[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _named(faults: list[str], key: str, value: object) -> list[Mistake]:
    found = list(dict.fromkeys(faults))
    shown = [Mistake(key, fault, "", value) for fault in found[:MOST_FAULTS]]
    rest = len(found) - len(shown)
    return shown + ([Mistake(key, f"and {rest} more such faults", "", value)] if rest else [])


def _text(path: Path, key: str) -> str:
    if not path.is_file():
        folder = path.parent
        beside = [other.name for other in folder.glob("*.json")] if folder.is_dir() else []
        close = nearest(path.name, beside)
        problem = "is a folder, not a file" if path.is_dir() else "no such file"
        raise RequestError(Mistake(key, problem, quoted(key, folder / close) if close else "", path))
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
    except (RecursionError, ValueError) as error:  # brackets without end; a number of thousands of digits
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"cannot be read: {error}"
        raise RequestError(Mistake(key, why, "data[].paragraphs[].qas[]", path)) from error
