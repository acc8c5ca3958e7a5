"""Symbolic links that lead out of a folder: what is written through one changes a file outside of it."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.core.errors import Mistake

APPENDED = ("train.log", "history.jsonl")
"""Files that grow in place; all others are written beside their name and renamed, which leaves another link as it is.
"""
WANDB = "wandb"
"""W&B links the log of its service from each segment, and never writes into a segment again."""


def links_out(folder: Path, key: str) -> list[Mistake]:
    """A mistake for each symbolic link below `folder` whose target lies outside, and for each file that grows in place
    and has a second name (a hard link). key: the config key to blame."""
    home = folder.resolve()
    shared = [file for name in APPENDED for file in (folder / name,) if _has_two_names(file)]
    return [
        *(_two_names(file, folder, key) for file in shared),
        *_symbolic(folder, home, key),
    ]


def _symbolic(folder: Path, home: Path, key: str) -> list[Mistake]:
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


def _has_two_names(file: Path) -> bool:
    try:
        found = file.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink > 1


def _two_names(file: Path, folder: Path, key: str) -> Mistake:
    copy = file.with_name(f"{file.name}.copy")
    problem = f"{file.name} has a second name elsewhere (a hard link), and would be written through"
    return Mistake(
        key,
        problem,
        f"{shlex.join(['cp', str(file), str(copy)])} && {shlex.join(['mv', str(copy), str(file)])}",
        folder,
    )


def _target(link: Path) -> Path:
    """Where a link leads; one that leads to itself leads nowhere inside."""
    try:
        return link.resolve()
    except (OSError, RuntimeError):
        return Path("/")


def _links(folder: Path) -> Iterator[Path]:
    """Every symbolic link below the folder; links to folders are named and not followed."""
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            if (path := Path(parent) / name).is_symlink():
                yield path
        if Path(parent).name == WANDB and Path(parent) != folder:
            folders.clear()
