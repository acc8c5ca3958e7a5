"""`loggers.json` of a run folder: the run's id in each tracking service, and the loggers that failed, with reasons.

It is a separate file because loggers learn their ids, or fail, independently of run.json. The ids are used only under
this user's seal: an id in somebody else's folder could name any of the user's runs. The module also has the names that
MLflow accepts.
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
"""Longest name that MLflow accepts (mlflow.utils.validation)."""


def recall(folder: Path, title: str) -> str | None:
    """Return the id of logger `title` in this run folder; None if it has none, or if somebody else wrote it."""
    identity = _own(folder).get(title)
    return identity if isinstance(identity, str) else None


def remember(folder: Path, title: str, identity: str) -> None:
    """Record the id of a logger that has started, and that it works."""
    known = _own(folder)
    _write(
        folder, known | {title: identity, LOST: {key: reason for key, reason in lost(folder).items() if key != title}}
    )


def mark_lost(folder: Path, title: str, reason: str) -> None:
    """Record that a logger failed and is off for the rest of the run."""
    _write(folder, _own(folder) | {LOST: lost(folder) | {title: reason}})


def lost(folder: Path) -> dict[str, str]:
    """Return the loggers that failed in this run folder, each with the reason."""
    failed = _read(folder).get(LOST)
    return {str(title): str(reason) for title, reason in failed.items()} if isinstance(failed, dict) else {}


def _own(folder: Path) -> dict[str, Any]:
    """Return the content that may be used: of somebody else's file only the failed loggers."""
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
        log.warning("%s is ignored: %s", folder / FILE, error.reason)
        return {}


def _write(folder: Path, known: dict[str, Any]) -> None:
    kept = {key: value for key, value in known.items() if value != {}}
    text = json.dumps(kept | {SEAL: code(_text(kept))}, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def mlflow_name(name: str) -> str:
    """Return a name that MLflow accepts: letters of any language, digits, `_-./` and spaces; the rest becomes `_`.

    MLflow reads a name as a path, none of whose parts may be empty or consist of dots.
    """
    parts = re.sub(r"[^\w\-./ ]", "_", name).split("/")
    return "/".join(part if part.strip(".") else "_" * max(1, len(part)) for part in parts)[:LONGEST_NAME]


class UniqueNames:
    """Names cleaned by `clean`; if two given names become equal, the later one gets a number.

    say: called with a given name that got a number, and with its new name.
    """

    def __init__(
        self, clean: Callable[[str], str] = mlflow_name, say: Callable[[str, str], object] = lambda *_: None
    ) -> None:
        self.clean, self.say = clean, say
        self._known: dict[str, str] = {}

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """Return the unique name of each given name, whatever their order; a name that needs no cleaning is kept."""
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
