"""What a run folder keeps of tracking services, in `loggers.json`: its run's id there, and which logger failed and why.

A file of its own, not a field of run.json: a logger may learn its id late, or fail, and the record is not its business.
The ids count only under this user's seal: one in somebody else's folder could name any run of yours. Also the names
that MLflow takes, for whoever writes there.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.core.files import Unreadable, read_json, write_whole
from lab.core.record.seal import code

log = logging.getLogger(__name__)
FILE, LOST, SEAL = "loggers.json", "lost", "seal"
LONGEST_NAME = 250
"""Of mlflow.utils.validation."""


def recall(folder: Path, title: str) -> str | None:
    """The id that logger `title` had in this run folder; None where it had none, or somebody else wrote it."""
    identity = _own(folder).get(title)
    return identity if isinstance(identity, str) else None


def remember(folder: Path, title: str, identity: str) -> None:
    """Keep the id of a logger that has started; it is lost no longer."""
    known = _own(folder)
    _write(folder, known | {title: identity, LOST: {key: why for key, why in lost(folder).items() if key != title}})


def mark_lost(folder: Path, title: str, reason: str) -> None:
    """Keep that a logger failed and is off for the rest of the run."""
    _write(folder, _own(folder) | {LOST: lost(folder) | {title: reason}})


def lost(folder: Path) -> dict[str, str]:
    """Loggers that failed in this run folder, each with the reason."""
    kept = _read(folder).get(LOST)
    return {str(title): str(why) for title, why in kept.items()} if isinstance(kept, dict) else {}


def _own(folder: Path) -> dict[str, Any]:
    """What the file says as far as it may act: somebody else's names lost loggers alone."""
    known = _read(folder)
    seal = known.pop(SEAL, None)
    return known if seal is not None and seal == code(_text(known)) else {LOST: lost(folder)}


def _text(known: dict[str, Any]) -> str:
    return json.dumps(known, sort_keys=True)


def _read(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / FILE, dict)
    except FileNotFoundError:
        return {}
    except Unreadable as error:
        log.warning("%s is passed over: %s", folder / FILE, error.reason)
        return {}


def _write(folder: Path, known: dict[str, Any]) -> None:
    kept = {key: value for key, value in known.items() if value != {}}
    text = json.dumps(kept | {SEAL: code(_text(kept))}, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def mlflow_name(name: str) -> str:
    """A name that MLflow takes: letters of any language, digits, `_-./` and blanks; other signs become `_`.

    It reads a name as a path, none of whose parts may be empty or all dots.
    """
    parts = re.sub(r"[^\w\-./ ]", "_", name).split("/")
    return "/".join(part if part.strip(".") else "_" * max(1, len(part)) for part in parts)[:LONGEST_NAME]


class UniqueNames:
    """Names cleaned by `clean`, each given name its own: of two that would be one, the later one gets a number.

    say: called with the given name and what it became, where it got a number.
    """

    def __init__(
        self, clean: Callable[[str], str] = mlflow_name, say: Callable[[str, str], object] = lambda *_: None
    ) -> None:
        self.clean, self.say = clean, say
        self._known: dict[str, str] = {}

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """By given name. What needs no cleaning keeps its name; the order of `names` does not matter."""
        names = list(names)
        for name in sorted(set(names) - self._known.keys(), key=lambda name: (self.clean(name) != name, name)):
            self._known[name] = self._free(self.clean(name))
            if self._known[name] != self.clean(name):
                self.say(name, self._known[name])
        return {name: self._known[name] for name in names}

    def _free(self, name: str) -> str:
        taken, free, number = set(self._known.values()), name, 1
        while free in taken:
            number += 1
            free = f"{name[: LONGEST_NAME - len(f'_{number}')]}_{number}"
        return free
