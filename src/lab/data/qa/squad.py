"""Files in the format of SQuAD, versions 1.1 (arXiv 1606.05250) and 2.0 (arXiv 1806.03822), and its rows on the hub.

All faults of structure are reported at once with their paths (`data[3].paragraphs[0].qas[2]`, `row[7].answers`); a file
that is not JSON is reported with its line and column. Cost: SQuAD's 130,000 questions in seconds.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.core.errors import Mistake, RequestError, listed, missing_file, nearest
from lab.data.qa.question_rows import Ambiguous, Reading, ReadingBuilder
from lab.data.readers.text_table import Table

MAX_FAULTS = 10
"""Number of faults that are reported one by one; the rest is counted."""
_HALF = re.compile(r"[\ud800-\udfff]")
"""Half of the pair with which JSON writes some characters, which is not text."""
_TYPE_NAMES = {str: "text", int: "a whole number", list: "a list", dict: "an object"}
_WHOLE = re.compile(r"\s*-?\d{1,18}(\.0*)?\s*")
"""A whole number as text, also as spreadsheet programs write it."""


def read_squad(path: Path, key: str, ambiguous: Ambiguous = "leave_out") -> Reading:
    """Return the questions of a file. key: config key that names it. Raises RequestError with all of its faults."""
    reader = _Reader(ambiguous)
    reader.file(_json(_text(path, key), path, key))
    return reader.reading(key, path, "a file with data[].paragraphs[].qas[]")


def read_rows(table: Table, key: str, name: str, ambiguous: Ambiguous = "leave_out") -> Reading:
    """Return the questions of a table in the hub's layout: id, title, context, question, and answers as {text: [...],
    answer_start: [...]} or a list of {text, answer_start}. Raises RequestError with all of its faults."""
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
    """Return the question ids of a file: a JSON list, or one per line. Raises RequestError for a file without ids."""
    text = _text(path, key)
    if text.lstrip().startswith(("[", "{")):
        ids = _json(text, path, key)
        if not isinstance(ids, list) or not all(isinstance(item, str) and not _HALF.search(item) for item in ids):
            raise RequestError(Mistake(key, "is not a list of ids", '["id", ...], or one id per line', path))
    else:
        ids = [line.strip() for line in text.split("\n") if line.strip()]
    if not ids:
        raise RequestError(Mistake(key, "contains no id", '["id", ...], or one id per line', path))
    return list(dict.fromkeys(ids))


class _Reader:
    """Reads a parsed file or the rows of a table and collects the faults of its structure."""

    def __init__(self, ambiguous: Ambiguous) -> None:
        self.ambiguous: Ambiguous = ambiguous
        self.builder = ReadingBuilder()
        self.faults: list[str] = []
        self.ids: dict[str, str] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self.longer: list[str] = []

    def reading(self, key: str, value: object, layout: str) -> Reading:
        """Return what was read. Raises RequestError with its faults, or with `layout` if it contains no question."""
        reading = self.builder.reading(self.ambiguous)
        if 2 * len(self.longer) > len(reading.questions):
            share = f"{len(self.longer)} of {len(reading.questions)} questions are longer than their contexts"
            self.faults.append(f"{share}, the first {self.longer[0]}: are they swapped?")
        if self.faults:
            raise RequestError(_as_mistakes(self.faults, key, value))
        if not reading.questions:
            raise RequestError(Mistake(key, "contains no question", layout, value))
        return reading

    def file(self, given: Any) -> None:
        """Read a parsed file."""
        if isinstance(given, dict) and "data" in given:
            for number, document in enumerate(self._list(given, "data", "")):
                self._document(document, f"data[{number}]", number)
        else:
            self.faults.append("has no list `data`: this is not a file in the format of SQuAD")

    def _document(self, given: Any, at: str, number: int) -> None:
        title = given.get("title") if isinstance(given, dict) else None
        document = str(title) if title else f"document {number}"
        for place, paragraph in enumerate(self._list(given, "paragraphs", at)):
            here = f"{at}.paragraphs[{place}]"
            context = self.builder.context(self._context(paragraph, here), document)
            for order, question in enumerate(self._list(paragraph, "qas", here)):
                self._question(question, f"{here}.qas[{order}]", context)

    def row(self, given: Mapping[str, Any], at: str) -> None:
        """Read a row: one question with its context. Equal contexts of one title become one context."""
        text = self._context(given, at)
        place = (str(given.get("title") or text), text)
        if place not in self.numbers:
            self.numbers[place] = self.builder.context(text, place[0])
        self._question(given, at, self.numbers[place])

    def _answers(self, given: Any, at: str) -> list[Any]:
        """Answers as a list of {text, answer_start}; null means no answers, and one answer need not be in a list."""
        answers = given.get("answers", ()) if isinstance(given, Mapping) else ()
        if answers is None:
            return []
        if not isinstance(answers, Mapping):
            return self._list(given, "answers", at)
        values = (answers.get("text"), answers.get("answer_start"))
        if values == (None, None) and len(answers) > 1:
            return []
        single = not any(isinstance(value, list) for value in values)
        return [answers] if single else self._paired(answers, f"{at}.answers")

    def _paired(self, given: Mapping[str, Any], at: str) -> list[Any]:
        """{text: [...], answer_start: [...]} as a list of {text, answer_start}."""
        texts, starts = self._field(given, "text", list, at), self._field(given, "answer_start", list, at)
        if texts is None or starts is None:
            return []
        if len(texts) != len(starts):
            self.faults.append(f"{at} has {len(texts)} items in text and {len(starts)} in answer_start")
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
        answers = [self._answer(answer, f"{at}.answers[{number}]") for number, answer in enumerate(listed_answers)]
        if name is None or text is None or any(answer is None for answer in answers):
            return
        if name in self.ids:
            self.faults.append(f"{at}.id is the same as {self.ids[name]}.id: {name!r}")
        elif not text.strip():
            self.faults.append(f"{at}.question is empty (id {name!r})")
        else:
            self.builder.ask(name, text, context, [answer for answer in answers if answer is not None])
            if 0 < len(self.builder.contexts[context].strip()) < len(text.strip()):
                self.longer.append(f"{at} (id {name!r})")
        self.ids[name] = at

    def _id(self, given: Any, at: str) -> str | None:
        """The id as text, also of a number; a question without an id gets its path in the file, which is unique."""
        value = given.get("id") if isinstance(given, Mapping) else ""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            self.builder.made_ids += 1
            return at
        number = whole_number(value)
        return self._field(given, "id", str, at) if isinstance(value, str) or number is None else str(number)

    def _answer(self, given: Any, at: str) -> tuple[str, int] | None:
        text = self._field(given, "text", str, at)
        start = whole_number(given.get("answer_start")) if isinstance(given, Mapping) else None
        if start is None:
            start = self._field(given, "answer_start", int, at)
        return None if text is None or start is None else (text, start)

    def _list(self, given: Any, name: str, at: str) -> list[Any]:
        return self._field(given, name, list, at) or []

    def _field(self, given: Any, name: str, kind: type, at: str) -> Any:
        where = f"{at}.{name}" if at else name
        if not isinstance(given, Mapping):
            self.faults.append(f"{at} is not an object")
            return None
        value = given.get(name)
        if isinstance(value, str) and (half := _HALF.search(value)):
            self.faults.append(f"{where} contains {half[0]!r}, half of a character")
            return None
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        close = nearest(name, [str(other) for other in given])
        hint = f"; the nearest is {close}" if close and close != name else ""
        problem = f"is missing{hint}" if name not in given else f"must be {_TYPE_NAMES[kind]}"
        self.faults.append(f"{where} {problem}")
        return None


def whole_number(value: object) -> int | None:
    """Return a whole number in any notation: 15, 15.0, "15"; None for anything else.

    >>> whole_number("15"), whole_number(15.0), whole_number("15.0"), whole_number(15.5), whole_number(True)
    (15, 15, 15, None, None)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value.strip().split(".")[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_mistakes(faults: list[str], key: str, value: object) -> list[Mistake]:
    distinct = list(dict.fromkeys(faults))
    mistakes = [Mistake(key, fault, "", value) for fault in distinct[:MAX_FAULTS]]
    rest = len(distinct) - len(mistakes)
    return mistakes + ([Mistake(key, f"and {rest} more such faults", "", value)] if rest else [])


def _text(path: Path, key: str) -> str:
    endings = {".json", path.suffix or ".json"}
    if (missing := missing_file(key, path, lambda other: other.suffix in endings, "JSON")) is not None:
        raise RequestError(missing)
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
        problem = f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise RequestError(Mistake(key, problem, "a whole file", path)) from error
    except (RecursionError, ValueError) as error:  # brackets without end; a number of thousands of digits
        problem = "is nested too deeply" if isinstance(error, RecursionError) else f"cannot be read: {error}"
        raise RequestError(Mistake(key, problem, "data[].paragraphs[].qas[]", path)) from error
