"""The reference of all keys as Markdown, for the site.

python -c 'from lab.config.reference.markdown import markdown; print(markdown())' > reference.md
"""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import yaml
from pydantic import BaseModel

from lab.config.reference.entries import Entry, defaults_of, entries
from lab.config.schema import Config
from lab.config.schema.node import nodes_of
from lab.config.shipped import CONF
from lab.config.unknown_keys import CHOICES


def markdown(conf: Path = CONF) -> str:
    """Return the whole reference: a table for the top level, and one for each kind of each group."""
    text = (conf / "config.yaml").read_text(encoding="utf-8")
    top = yaml.safe_load(text)
    chosen = {group: name for entry in top.pop("defaults") if isinstance(entry, dict) for group, name in entry.items()}
    parts = [_table("Top level", entries(Config, top))]
    for group, field in Config.model_fields.items():
        nodes = nodes_of(field.annotation)
        if chosen.get(group) is None:
            continue
        for node in nodes:
            for names in _choices(node) if len(nodes) > 1 else [chosen[group]]:
                files = names if isinstance(names, list) else [names]
                values = {key: value for name in files for key, value in defaults_of(conf / group, name).items()}
                parts.append(_table(f"{group}={','.join(files)}", entries(node, values, f"{group}.")))
    return "\n".join(parts)


def _choices(node: type[BaseModel]) -> list[str]:
    """Return the choices of a group that have this class."""
    return [CHOICES.get(kind, kind) for kind in get_args(node.model_fields["kind"].annotation)]


def _table(title: str, rows: Iterator[Entry]) -> str:
    lines = [f"## {title}", "", "| key | type | default | meaning |", "|---|---|---|---|"]
    for row in rows:
        cells = [f"`{row.key}`", row.type, f"`{row.default}`" if row.default else "", row.meaning]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])
