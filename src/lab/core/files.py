"""Single files: the one reader of those that may come from elsewhere, and the one way to write one whole.

A folder that was copied, damaged or made by a stranger holds what it likes: a pipe instead of a record (reading it
would wait for ever), 100,000 brackets, a YAML file whose aliases expand to gigabytes. Every such file ends in
`Unreadable`, one line with the path and the reason. Imports no torch.
"""

import json
import os
import stat
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

MOST_BYTES = 256 << 20
"""Of a file that is read whole."""
MOST_YAML_BYTES = 4 << 20
MOST_DEPTH = 100
"""Levels of lists and mappings in one another."""
MOST_NODES = 200_000
"""Values of a YAML file once its aliases are expanded."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_REGULAR = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
_NAMES = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number", bool: "a switch"}
Kind = TypeVar("Kind", dict[str, Any], list[Any])


class Unreadable(ValueError):
    """A file that is not what its reader needs. path: the file; reason: one line on what is wrong with it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, " ".join(reason.encode("utf-8", "backslashreplace").decode().split())

    def __str__(self) -> str:
        return f"{self.path.name}: {self.reason}"


def regular(path: Path) -> Path:
    """`path` itself. Raises Unreadable where it is no regular file, FileNotFoundError where there is none."""
    _refuse_kind(path, path.stat().st_mode)
    return path


def read_bytes(path: Path, limit: int = MOST_BYTES) -> bytes:
    """All of a regular file. Raises Unreadable for another kind or more than `limit` bytes, OSError as `open` does."""
    regular(path)  # before it is opened: to open a device can be an act of its own
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        _refuse_kind(path, (status := os.fstat(descriptor)).st_mode)
        data = file.read(min(status.st_size, limit) + 1)  # for `limit` Python would make room first, whatever is there
    if len(data) > limit:
        raise Unreadable(path, f"holds more than {limit >> 20} MiB")
    return data


def read_text(path: Path, limit: int = MOST_BYTES) -> str:
    """A UTF-8 file, with its line ends as they are. Raises as `read_bytes`, and Unreadable for what is no UTF-8."""
    return _decoded(path, read_bytes(path, limit))


def read_json(path: Path, kind: type[Kind]) -> Kind:
    """A JSON file whose top value is a `kind`. Raises Unreadable for any other, OSError as `open` does."""
    return _of_kind(path, json_value(path, read_text(path)), kind)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """A mapping from each line; a last line without its end, which a kill tore, is left out. Raises as `read_json`.

    A line ends at \\n alone: JSON leaves U+0085 and U+2028 as they are.
    """
    data = read_bytes(path)
    whole = data[: data.rfind(b"\n") + 1]
    rows = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        where = f"line {number}: "
        rows.append(_of_kind(path, json_value(path, _decoded(path, line, where), where), dict, where))
    return rows


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file whose top is a mapping. Raises Unreadable for any other, OSError as `open` does."""
    return yaml_mapping(path, read_text(path, MOST_YAML_BYTES))


def json_value(path: Path, text: str, where: str = "") -> Any:
    """The value that `text`, which was read from `path`, is in JSON. where: the place in it, for the reason."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep(path, where) from None
    except ValueError as error:  # what is no JSON, and an integer of more digits than Python reads
        raise Unreadable(path, f"{where}no JSON: {error}") from error
    if text.count("[") + text.count("{") > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise _too_deep(path, where)
    if "\\u" in text:
        _refuse_surrogates(path, value, where)
    return value


def yaml_mapping(path: Path, text: str) -> dict[str, Any]:
    """The mapping that `text`, which was read from `path`, is in YAML. Raises Unreadable."""
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
    """A tree of plain values as YAML that is read back as it is, whatever line ends Unicode has in its texts."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: readers see the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


class _Dumper(yaml.SafeDumper):
    """Quotes texts in which a reader of YAML would fold a line end: U+0085 would come back as a blank."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, '"' if set(text) & set("\x85\u2028\u2029") else None)


_Dumper.add_representer(str, _quoted)


class _Unambiguous(_Loader):  # type: ignore[misc]
    """Safe types alone, and no key twice: of two values no reader can say which one counts."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                line = key.start_mark.line + 1
                raise yaml.constructor.ConstructorError(problem=f"the key {key.value!r} stands twice (line {line})")
            seen.add((key.tag, key.value))
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


class _Grown(NamedTuple):
    """A node with its aliases expanded: how many values it holds and how many levels are below it."""

    nodes: int
    depth: int


def _refuse_growth(path: Path, events: Iterator[Any]) -> None:
    """Refuse what would grow without bound, from the stream of events alone: nothing has been built by then."""
    known: dict[str, _Grown] = {}
    opened: list[tuple[str | None, list[_Grown]]] = [(None, [])]
    for event in events:
        if getattr(event, "tag", None) is not None:
            raise Unreadable(path, f"holds the tag {event.tag}; only plain values are read")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in known:
                raise Unreadable(path, f"the alias *{event.anchor} stands for nothing before it, or for itself")
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
            nodes = 1 + sum(one.nodes for one in below)
            grown = _Grown(nodes, 1 + max((one.depth for one in below), default=0))
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
        found = "nothing" if value is None else _NAMES.get(type(value), type(value).__name__)
        raise Unreadable(path, f"{where}holds {found}, not {_NAMES[kind]}")
    return value


def _refuse_surrogates(path: Path, value: Any, where: str = "") -> None:
    """Half a character, which JSON and YAML can spell and no file, page or terminal can hold."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending += [*one, *one.values()]
        elif isinstance(one, list):
            pending += one
        elif isinstance(one, str) and not one.isascii():
            try:
                one.encode("utf-8")
            except UnicodeEncodeError:
                raise Unreadable(path, f"{where}holds half a character, in {one[:40]!a}") from None


def _depth(value: Any) -> int:
    """Levels of lists and mappings, without recursion."""
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [below for one in level for below in (one.values() if isinstance(one, dict) else one)]
    return depth


def _too_deep(path: Path, where: str = "") -> Unreadable:
    return Unreadable(path, f"{where}nests more than {MOST_DEPTH} levels deep")
