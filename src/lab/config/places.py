"""Folders of a request that cannot be used on this machine, checked before anything is read or made."""

import os
from pathlib import Path

from lab.config.schema import Config
from lab.core.errors import Mistake

REMEDY = "cache.dir=FOLDER_WITH_ROOM"


def missing(config: Config) -> list[Mistake]:
    """Return a mistake for a cache folder that cannot be made or written to."""
    folder = Path(config.cache.dir).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK | os.X_OK) else "others may not write there"
    except OSError as error:
        reason = error.strerror
    problem = f"cannot be made and written to: {reason}"
    return [] if reason is None else [Mistake("cache.dir", problem, REMEDY, config.cache.dir)]
