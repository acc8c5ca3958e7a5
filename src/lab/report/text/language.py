"""Every word of the page, in English and Spanish: words.json. Judgements have a catalogue of their own, `sentences`.

A missing word is an error where it is asked for, and a test asks for all. Names of metrics, config keys and commands
are not translated: they are typed.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

Language = Literal["en", "es"]
LANGUAGES: tuple[str, ...] = get_args(Language)


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Key, then language; braces in a text are filled in by name."""
    words: dict[str, dict[str, str]] = json.loads(
        files("lab.report.text").joinpath("words.json").read_text(encoding="utf-8")
    )
    return words


class Words:
    """The catalogue in one language: `words("table.page", first=1, last=50, total=60)`."""

    def __init__(self, lang: str) -> None:
        """Raises ValueError for a language that is not there."""
        if lang not in LANGUAGES:
            raise ValueError(f"no language {lang!r}, only {', '.join(LANGUAGES)}")
        self.lang = lang

    def __call__(self, key: str, /, **values: Any) -> str:
        """Raises KeyError for a word or a value that is missing."""
        text = catalogue()[key][self.lang]
        return text.format(**values) if values else text

    def under(self, *beginnings: str) -> dict[str, str]:
        """All words whose key begins so: what the page's script says."""
        return {key: texts[self.lang] for key, texts in catalogue().items() if key.startswith(beginnings)}

    def statuses(self, counts: Mapping[str, int]) -> str:
        """`15 completed, 1 failed`, of counts by status; without those of 0 and without `expected`."""
        known = {name: num for name, num in counts.items() if num and name != "expected"}
        return ", ".join(f"{num} {self(f'statuses.{name}')}" for name, num in known.items())

    def duration(self, seconds: float) -> str:
        if seconds >= 3600:
            return self("unit.hours", value=seconds / 3600)
        return self("unit.minutes", value=seconds / 60) if seconds >= 60 else self("unit.seconds", value=seconds)
