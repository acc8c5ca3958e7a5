"""Readers of single files that anybody may have written, and functions that write a whole file in one step.

A folder that was copied, damaged or made by somebody else may contain a pipe instead of a record (reading it would wait
for ever), 100,000 brackets, or a YAML file whose aliases expand to gigabytes. Every such file raises `Unreadable`: one
line with the path and the reason. Imports no torch.
"""

import csv
import json
import os
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

MOST_BYTES = 256 << 20
"""Largest file that is read."""
MOST_YAML_BYTES = 4 << 20
MOST_DEPTH = 100
"""Levels of nested lists and mappings."""
MOST_NODES = 200_000
"""Values of a YAML file after its aliases are expanded."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_REGULAR = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
_NAMES = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number", bool: "a switch"}
Kind = TypeVar("Kind", dict[str, Any], list[Any])


class Unreadable(ValueError):
    """A file that its reader cannot use. path: the file; reason: one line on what is wrong with it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, " ".join(reason.encode("utf-8", "backslashreplace").decode().split())

    def __str__(self) -> str:
        return f"{self.path.name}: {self.reason}"


def regular(path: Path) -> Path:
    """Return `path`. Raises Unreadable if it is no regular file, FileNotFoundError if it does not exist."""
    _refuse_kind(path, path.stat().st_mode)
    return path


def read_bytes(path: Path, limit: int = MOST_BYTES) -> bytes:
    """Return a regular file. Raises Unreadable for another kind or more than `limit` bytes, OSError as `open` does."""
    regular(path)  # before it is opened: opening a device can have an effect
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        _refuse_kind(path, (status := os.fstat(descriptor)).st_mode)
        data = file.read(min(status.st_size, limit) + 1)  # `limit` alone would allocate all of it
    if len(data) > limit:
        raise Unreadable(path, f"holds more than {limit >> 20} MiB")
    return data


def read_text(path: Path, limit: int = MOST_BYTES) -> str:
    """Return a UTF-8 file, line ends unchanged. Raises as `read_bytes`, and Unreadable for bytes that are no UTF-8."""
    return _decoded(path, read_bytes(path, limit))


def read_json(path: Path, kind: type[Kind]) -> Kind:
    """Return a JSON file whose top value is a `kind`. Raises Unreadable for any other, OSError as `open` does."""
    return _of_kind(path, json_value(path, read_text(path)), kind)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return one mapping per line; a last line without a line end, left by a killed process, is left out.

    Only \\n ends a line: JSON texts may contain U+0085 and U+2028. Raises as `read_json`.
    """
    data = read_bytes(path)
    whole = data[: data.rfind(b"\n") + 1]
    rows = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        where = f"line {number}: "
        rows.append(_of_kind(path, json_value(path, _decoded(path, line, where), where), dict, where))
    return rows


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML file whose top value is a mapping. Raises Unreadable for any other, OSError as `open` does."""
    return yaml_mapping(path, read_text(path, MOST_YAML_BYTES))


def json_value(path: Path, text: str, where: str = "") -> Any:
    """Return the JSON value of `text`, which was read from `path`. where: the place in the file, for the reason."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep(path, where) from None
    except ValueError as error:  # no JSON, or an integer with more digits than Python reads
        raise Unreadable(path, f"{where}no JSON: {error}") from error
    if text.count("[") + text.count("{") > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise _too_deep(path, where)
    if "\\u" in text:
        _refuse_surrogates(path, value, where)
    return value


def yaml_mapping(path: Path, text: str) -> dict[str, Any]:
    """Return the YAML mapping of `text`, which was read from `path`. Raises Unreadable."""
    try:
        _refuse_growth(path, yaml.parse(text, _Loader))
        value = yaml.load(text, _Unambiguous)
    except RecursionError:
        raise _too_deep(path) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(path, f"no YAML: {error}") from error
    _refuse_surrogates(path, value)
    named: dict[str, Any] = _of_kind(path, value, dict)
    if (odd := next((key for key in named if not isinstance(key, str)), None)) is not None:
        raise Unreadable(path, f"its key {odd!r} is no text")
    return named


def yaml_text(value: Any) -> str:
    """Return plain values as YAML that is read back unchanged, even if texts contain line ends of Unicode."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it to `path`: readers see the old or the new file, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a table in one step, with the columns of all rows in order of first appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))

    def write(aside: Path) -> None:
        with aside.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, names, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)

    write_whole(path, write)


class _Dumper(yaml.SafeDumper):
    """Quotes texts whose line ends a reader of YAML would fold: U+0085 would be read back as a space."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, '"' if set(text) & set("\x85\u2028\u2029") else None)


_Dumper.add_representer(str, _quoted)


class _Unambiguous(_Loader):  # type: ignore[misc]
    """Reads safe types only, and refuses a key that occurs twice, whose two values would be ambiguous."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                line = key.start_mark.line + 1
                raise yaml.constructor.ConstructorError(problem=f"the key {key.value!r} occurs twice (line {line})")
            seen.add((key.tag, key.value))
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


class _Grown(NamedTuple):
    """A node with its aliases expanded: the number of its values and of the levels below it."""

    nodes: int
    depth: int


def _refuse_growth(path: Path, events: Iterator[Any]) -> None:
    """Refuse a document that would grow too large, from its events, before anything is built."""
    known: dict[str, _Grown] = {}
    opened: list[tuple[str | None, list[_Grown]]] = [(None, [])]
    for event in events:
        if getattr(event, "tag", None) is not None:
            raise Unreadable(path, f"holds the tag {event.tag}; only plain values are read")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in known:
                raise Unreadable(path, f"the alias *{event.anchor} refers to nothing before it, or to itself")
            anchor, grown = None, known[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            anchor, grown = event.anchor, _Grown(1, 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, []))
            if len(opened) > MOST_DEPTH:
                raise _too_deep(path)
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, below = opened.pop()
            nodes = 1 + sum(child.nodes for child in below)
            grown = _Grown(nodes, 1 + max((child.depth for child in below), default=0))
        else:
            continue
        if grown.nodes > MOST_NODES:
            raise Unreadable(path, f"grows to more than {MOST_NODES:,} values")
        if grown.depth + len(opened) > MOST_DEPTH:
            raise _too_deep(path)
        opened[-1][1].append(grown)
        if anchor is not None:
            known[anchor] = grown


def _refuse_kind(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise Unreadable(path, f"is {_NOT_REGULAR.get(stat.S_IFMT(mode), 'a device')}, not a regular file")


def _decoded(path: Path, data: bytes, where: str = "") -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(path, f"{where}is no UTF-8 at byte {error.start}") from error


def _of_kind(path: Path, value: Any, kind: type[Kind], where: str = "") -> Kind:
    if not isinstance(value, kind):
        actual = "nothing" if value is None else _NAMES.get(type(value), type(value).__name__)
        raise Unreadable(path, f"{where}holds {actual}, not {_NAMES[kind]}")
    return value


def _refuse_surrogates(path: Path, value: Any, where: str = "") -> None:
    """Refuse half a character (a surrogate): JSON and YAML can write one, no file, page or terminal can."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item, *item.values()]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str) and not item.isascii():
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                raise Unreadable(path, f"{where}holds half a character, in {item[:40]!a}") from None


def _depth(value: Any) -> int:
    """Return the number of nested levels of lists and mappings, without recursion."""
    level, depth = [value], 0
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    return depth


def _too_deep(path: Path, where: str = "") -> Unreadable:
    return Unreadable(path, f"{where}nests more than {MOST_DEPTH} levels deep")
