"""Which run of a tracking service a run folder belongs to, kept in `loggers.json` so that a resumed run goes on there.

A file of its own, not a field of run.json: a logger may learn its id late, or fail, and the record is not its business.
It is sealed: an id in somebody else's folder could name any run of yours, which would then be written into.
"""

import json
import logging
from pathlib import Path

from lab.files import read_json, write_whole
from lab.seal import code

FILE, SEAL = "loggers.json", "seal"
log = logging.getLogger(__name__)


def recall(folder: Path, title: str) -> str | None:
    """The id that logger `title` had in this run folder; None where it had none, or somebody else wrote it."""
    return _read(folder).get(title)


def remember(folder: Path, title: str, identity: str) -> None:
    known = _read(folder) | {title: identity}
    text = json.dumps(known | {SEAL: code(_text(known))}, indent=2) + "\n"
    write_whole(folder / FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def _read(folder: Path) -> dict[str, str]:
    path = folder / FILE
    if not path.exists():
        return {}
    known = read_json(path, dict)
    seal = known.pop(SEAL, None)
    if seal is None or seal != code(_text(known)):
        log.warning("%s was not written by you on this machine: its loggers begin runs of their own", path)
        return {}
    return known


def _text(known: dict[str, str]) -> str:
    return json.dumps(known, sort_keys=True)
