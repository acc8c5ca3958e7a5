"""Reads thousands of config.yaml files fast: files of a sweep differ in few values, so only differing lines are parsed.

The first file of each shape is parsed completely (3 ms); a later file of the same shape takes about .05 ms. A file with
a differing line that is not a plain `key: value` is parsed completely too.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lab.config.dotted_keys import flattened
from lab.core.files import yaml_mapping
from lab.core.record.fields import LARGEST

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAME = Path("config.yaml")
STARTS_OF_NON_SCALARS = "|>&*!{["
"""First characters of values that continue on the next lines or contain several values."""


class _Known(NamedTuple):
    """A parsed file. keys: the dotted key of each line that contains a complete `key: value`."""

    lines: list[str]
    keys: dict[int, str]
    flat: dict[str, Any]


class ConfigReader:
    """Reads configs as dotted keys with plain values; a list becomes its JSON text, to be compared and shown."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], _Known] = {}
        self._values: dict[str, Any] = {}

    def read(self, text: str, path: Path = NAME) -> dict[str, Any]:
        """Return a config by dotted key. path: of the text, for errors. Raises Unreadable if it is no YAML mapping."""
        lines = text.splitlines()
        shape = tuple([line.partition(": ")[0] for line in lines])
        known = self._known.get(shape)
        if known is not None:
            flat = self._patched(known, lines)
            if flat is not None:
                return flat
        flat, keys = _parsed(path, text)
        if known is None:
            self._known[shape] = _Known(lines, keys, flat)
        return dict(flat)

    def _patched(self, known: _Known, lines: list[str]) -> dict[str, Any] | None:
        """Return the known config with the values of differing lines, None if one of them needs more than its line."""
        flat = dict(known.flat)
        for number, (line, other) in enumerate(zip(lines, known.lines, strict=True)):
            if line == other:
                continue
            text = line.partition(": ")[2]
            if number not in known.keys or not text or text[0] in STARTS_OF_NON_SCALARS:
                return None
            if text not in self._values:
                try:
                    self._values[text] = yaml.load(text, Loader)
                except (yaml.YAMLError, ValueError):
                    return None
            value = self._values[text]
            if isinstance(value, dict | list):
                return None
            flat[known.keys[number]] = comparable(value)
        return flat


def _parsed(path: Path, text: str) -> tuple[dict[str, Any], dict[int, str]]:
    plain = yaml_mapping(path, text)
    flat = {key: comparable(value) for key, value in flattened(plain).items()}
    return flat, dict(_lines(yaml.compose(text, Loader), ""))


def comparable(value: Any) -> Any:
    """Return a value for the table: a list as JSON; a number that is too large, or a date, as text."""
    if isinstance(value, list):
        return json.dumps(value, default=str)
    is_small = not isinstance(value, int) or abs(value) <= LARGEST
    return value if is_small and isinstance(value, str | bool | int | float | dict | None) else str(value)


def _lines(node: Any, key: str) -> Iterator[tuple[int, str]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for name, value in node.value:
        dotted = f"{key}.{name.value}" if key else name.value
        if isinstance(value, yaml.ScalarNode):
            if name.start_mark.line == value.start_mark.line == value.end_mark.line:
                yield name.start_mark.line, dotted
        else:
            yield from _lines(value, dotted)
