"""Symbolic links that lead out of a folder: what is written through one changes a file outside of it."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from lab.errors import Mistake

MOST = 10_000
"""Entries looked at, so that a folder above many runs costs no minute."""
WANDB = "wandb"
"""W&B links the log of its service from each segment, and never writes into a segment again."""


def links_out(folder: Path, key: str) -> list[Mistake]:
    """A mistake for each link below `folder` whose target lies outside. key: the config key to blame."""
    home = folder.resolve()
    return [
        Mistake(
            key,
            f"{link.relative_to(folder)} is a symbolic link to {link.readlink()}, and would be written through",
            f"rm {shlex.quote(str(link))}",
            folder,
        )
        for link in _links(folder)
        if not _target(link).is_relative_to(home)
    ]


def _target(link: Path) -> Path:
    """Where a link leads; one that leads to itself leads nowhere inside."""
    try:
        return link.resolve()
    except (OSError, RuntimeError):
        return Path("/")


def _links(folder: Path) -> Iterator[Path]:
    """Every symbolic link below the folder; links to folders are named and not followed."""
    seen = 0
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            seen += 1
            if (path := Path(parent) / name).is_symlink():
                yield path
        if Path(parent).name == WANDB:
            folders.clear()
        if seen > MOST:
            return
