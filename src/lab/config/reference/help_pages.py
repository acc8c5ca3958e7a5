"""Help on the terminal: the groups with their choices, and a page for a group, a choice or a key.

python train.py --help                       all groups with their choices
python train.py --help data                  the choices of a group; the keys of a group without kinds
python train.py --help data=csv optimizer.lr the keys of a choice; the meaning of a key, or of all keys below it
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from lab.config.reference.entries import Entry, defaults_of, entries, meanings
from lab.config.rules.tasks import CUSTOM, GIVES, LABELLED, QUESTIONS, READS, SERIES
from lab.config.schema.node import Node, kinds_of, nodes_of
from lab.core.errors import Mistake, RequestError, nearest

TASKS = {LABELLED: "texts", QUESTIONS: "questions", SERIES: "series", CUSTOM: "your own"}
GLOBAL = {
    "experiment": "Whole recipes: several groups and keys at once.",
    "sweep": "Studies over several trials, with -m.",
    "debug": "Short runs that look for mistakes.",
}
"""Groups whose files set keys of other groups, with their meaning."""
_TEXT_COLUMN = 34


def groups(schema: type[BaseModel], conf: Path) -> list[str]:
    """The groups that have more than one choice to type, in the order of the schema."""
    names = [name for name in schema.model_fields if (conf / name).is_dir() and name not in GLOBAL]
    return [name for name in [*names, *GLOBAL] if len(choices(name, conf)) > 1]


def choices(group: str, conf: Path) -> dict[str, str]:
    """The choices of a group with what the first lines of their files say; empty if there is no such group."""
    files = sorted((conf / group).glob("[!_]*.yaml"))
    return {path.stem: _about(path.read_text(encoding="utf-8")) for path in files}


def overview(schema: type[BaseModel], conf: Path, width: int) -> str:
    """A line for each group with its choices, those of data and models by task."""
    lines = []
    for group in groups(schema, conf):
        parts = [
            f"{title}: {', '.join(names)}" if title else ", ".join(names) for title, names in _by_task(group, conf)
        ]
        text = "; ".join(parts)
        lines += textwrap.wrap(text, width, initial_indent=f"  {group:13}", subsequent_indent=" " * 15)
    return "\n".join(lines)


@dataclass(frozen=True)
class _Manual:
    """The keys of a command.

    defaults: of its own keys; chosen: the default choice, or choices, of each group; width: characters of a line.
    """

    schema: type[BaseModel]
    conf: Path
    defaults: Mapping[str, Any]
    chosen: Mapping[str, Any]
    width: int

    def usual(self, group: str) -> list[str]:
        """The default choices of a group."""
        names = self.chosen.get(group)
        return [str(name) for name in names] if isinstance(names, list) else [] if names is None else [str(names)]

    def nodes(self, group: str) -> list[type[Node]]:
        """The classes of a group's choices; several if the keys depend on the choice."""
        return [] if group in GLOBAL else nodes_of(self.schema.model_fields[group].annotation)


def page(words: Sequence[str], schema: type[BaseModel], conf: Path, config_name: str, width: int) -> str:
    """The pages of several groups, choices (`data=csv`) or keys (`optimizer.lr`), below each other.

    Raises RequestError for every word that is none of these.
    """
    defaults = yaml.safe_load((conf / f"{config_name}.yaml").read_text(encoding="utf-8"))
    chosen = {
        group: name
        for entry in defaults.pop("defaults", [])
        if isinstance(entry, dict)
        for group, name in entry.items()
    }
    manual = _Manual(schema, conf, defaults, chosen, width)
    pages = {word: list(_page(word, manual)) for word in words}
    if mistakes := [_unknown(word, manual) for word, lines in pages.items() if not lines]:
        raise RequestError(mistakes)
    return "\n\n".join("\n".join(lines).rstrip() for lines in pages.values())


def _page(word: str, manual: _Manual) -> Iterator[str]:
    group, _, choice = word.partition("=")
    known = choices(group, manual.conf)
    if choice and choice in known:
        yield from (*textwrap.wrap(f"{word}: {known[choice]}", manual.width), "")
        values = defaults_of(manual.conf / group, choice)
        nodes = manual.nodes(group)
        node = next((node for node in nodes if len(nodes) == 1 or values.get("kind") in kinds_of(node)), None)
        yield from _keys(entries(node, values, f"{group}."), manual) if node is not None else ()
    elif choice:
        return
    elif known:
        yield from _group_page(group, known, manual)
    else:
        yield from _keys(_matching(word, manual), manual)


def _group_page(group: str, known: Mapping[str, str], manual: _Manual) -> Iterator[str]:
    """The choices of a group, and its keys if they do not depend on the choice."""
    usual, nodes = manual.usual(group), manual.nodes(group)
    default = f" The default is {','.join(usual)}." if usual else ""
    yield from (f"{group}: {GLOBAL.get(group) or meanings(manual.schema)[group]}{default}", "")
    for title, names in _by_task(group, manual.conf):
        yield from [f"{title}:"] if title else []
        for name in names:
            yield from _wrapped(known[name], manual.width, f"  {group}={name}")
    if len(nodes) > 1:
        yield from ("", f"--help {group}={(usual or list(known))[0]} lists the keys of a choice.")
    elif nodes or group in manual.defaults:
        values = dict(manual.defaults.get(group) or {})
        for name in usual:
            values |= defaults_of(manual.conf / group, name)
        node = nodes[0] if nodes else nodes_of(manual.schema.model_fields[group].annotation)[0]
        yield from ("", *_keys(entries(node, values, f"{group}."), manual))


def _matching(word: str, manual: _Manual) -> Iterator[Entry]:
    """Yield the entries of a key and of the keys below it, with the defaults of the first choice that has them."""
    seen = {entry.key: entry for entry in entries(manual.schema, manual.defaults)}
    for group, field in manual.schema.model_fields.items():
        for node in nodes_of(field.annotation):
            for choice in _choices_of(node, group, manual):
                found = entries(node, defaults_of(manual.conf / group, choice), f"{group}.")
                seen |= {entry.key: entry for entry in found if entry.key not in seen}
    yield from (entry for key, entry in seen.items() if key == word or key.startswith(f"{word}."))


def _choices_of(node: type[Node], group: str, manual: _Manual) -> list[str]:
    """The choice of a group whose keys this class has, the default one if it does; empty if there is none."""
    usual = manual.usual(group)
    if "kind" not in node.model_fields:
        return usual
    names = [*usual, *choices(group, manual.conf)]
    return [name for name in names if defaults_of(manual.conf / group, name).get("kind") in kinds_of(node)][:1]


def _keys(found: Iterable[Entry], manual: _Manual) -> Iterator[str]:
    for entry in found:
        yield from _wrapped(
            entry.meaning, manual.width, f"  {entry.key}{f' [{entry.default}]' if entry.default else ''}"
        )


def _by_task(group: str, conf: Path) -> list[tuple[str, list[str]]]:
    """The choices of a group of data or models by the tasks that they are for; of other groups without a title."""
    names = choices(group, conf)
    if group not in ("data", "model"):
        return [("", list(names))]
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        kind = str(defaults_of(conf / group, name).get("kind"))
        found.setdefault((GIVES[kind],) if group == "data" else tuple(READS[kind]), []).append(name)
    order = [*TASKS]
    return [
        (", ".join(map(TASKS.__getitem__, tasks)), found[tasks])
        for tasks in sorted(found, key=lambda tasks: order.index(tasks[0]))
    ]


def _about(text: str) -> str:
    """The comment at the start of a file of conf/ as one line: what the choice is."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines += [] if line.startswith("# @package") else [line.removeprefix("#").strip()]
    return " ".join(lines)


def _unknown(word: str, manual: _Manual) -> Mistake:
    group, _, choice = word.partition("=")
    known = list(choices(group, manual.conf))
    if choice and known:
        problem = f"{group} has no such choice; there are {', '.join(known)}"
        return Mistake("--help", problem, f"--help {group}={nearest(choice, known) or known[0]}", word)
    names = [*manual.schema.model_fields, *(name for name in GLOBAL if choices(name, manual.conf))]
    problem = f"no such group or key; there are {', '.join(dict.fromkeys(names))}"
    return Mistake("--help", problem, f"--help {nearest(group, names) or names[0]}", word)


def _wrapped(text: str, width: int, head: str) -> list[str]:
    """A head and, beside it or below it, a text in a column of its own."""
    indent = " " * _TEXT_COLUMN
    first = head.ljust(_TEXT_COLUMN) if len(head) < _TEXT_COLUMN else indent
    lines = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    return [head, *lines] if first == indent else lines or [head]
