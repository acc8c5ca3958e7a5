"""Which run of a tracking service a run folder belongs to, kept in `loggers.json` so that a resumed run goes on there.

A file of its own, not a field of run.json: a logger may learn its id late, or fail, and the record is not its business.
"""

import json
from pathlib import Path

from lab.files import read_json, write_whole

FILE = "loggers.json"


def recall(folder: Path, title: str) -> str | None:
    """The id that logger `title` had in this run folder, None where it had none."""
    return _read(folder).get(title)


def remember(folder: Path, title: str, identity: str) -> None:
    text = json.dumps(_read(folder) | {title: identity}, indent=2) + "\n"
    write_whole(folder / FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def _read(folder: Path) -> dict[str, str]:
    path = folder / FILE
    return read_json(path, dict) if path.exists() else {}
