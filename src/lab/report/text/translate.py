"""Every text of the report in English (en.json) and Spanish (es.json): the page, report.md, the log, conclusions.

Keys with a dot belong to the page, other keys to files and conclusions. A missing key is an error, and a test checks
all. Names of metrics, config keys and commands are not translated: people type them.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from lab.report.findings import Sentence

Language = Literal["en", "es"]
LANGUAGES: tuple[str, ...] = get_args(Language)


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Return all texts of a language by key; names in braces stand for values. Raises ValueError if unknown."""
    if lang not in LANGUAGES:
        raise ValueError(f"no language {lang!r}, only {', '.join(LANGUAGES)}")
    texts: dict[str, str] = json.loads(files("lab.report.text").joinpath(f"{lang}.json").read_text(encoding="utf-8"))
    return texts


def translate(sentence: Sentence, lang: str) -> str:
    """Return the text of a sentence; an unknown value (None, NaN) is a dash. Raises KeyError for an unknown key."""
    return catalogue(lang)[sentence.key].format_map({name: _Value(value) for name, value in sentence.values.items()})


class Translator:
    """The texts of one language: `words("table.page", first=1, last=50, total=60)`."""

    def __init__(self, lang: str) -> None:
        """Raises ValueError for an unknown language."""
        self.texts, self.lang = catalogue(lang), lang

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return a text with its values. Raises KeyError for an unknown key or a missing value."""
        return translate(Sentence(key, values), self.lang)

    def say(self, sentence: Sentence) -> str:
        """Return the text of a sentence."""
        return translate(sentence, self.lang)

    def with_prefixes(self, *prefixes: str) -> dict[str, str]:
        """Return all texts whose keys begin with a prefix, with their braces, which the page's script fills in."""
        return {key: text for key, text in self.texts.items() if key.startswith(prefixes)}

    def statuses(self, counts: Mapping[str, int]) -> str:
        """Return counts by status as `15 completed, 1 failed`, without zeros and without `expected`."""
        known = {name: num for name, num in counts.items() if num and name != "expected"}
        return ", ".join(f"{num} {self(f'statuses.{name}')}" for name, num in known.items())

    def duration(self, seconds: float) -> str:
        """Return a duration in hours, minutes or seconds, by its size."""
        if seconds >= 3600:
            return self("unit.hours", value=seconds / 3600)
        return self("unit.minutes", value=seconds / 60) if seconds >= 60 else self("unit.seconds", value=seconds)


class _Value:
    """A value that formats as itself, and as a dash if it is unknown."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, spec: str) -> str:
        if self.value is None or (isinstance(self.value, float) and math.isnan(self.value)):
            return "–"
        return format(self.value, spec)
