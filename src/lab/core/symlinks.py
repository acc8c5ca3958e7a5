"""Symbolic links that lead out of a folder: writing through such a link changes a file outside."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.core.errors import Mistake

APPENDED = ("train.log", "history.jsonl")
"""Files that are appended to. All others are written under another name and renamed, which changes no other link."""
WANDB = "wandb"
"""Folder whose links may lead outside: W&B links its service's log there and never writes through the links."""


def links_out(folder: Path, key: str) -> list[Mistake]:
    """Return a mistake for each symbolic link below `folder` whose target is outside, and for each appended file that
    has a second name (a hard link). key: the config key of the mistakes."""
    home = folder.resolve()
    shared = [file for name in APPENDED for file in (folder / name,) if _has_two_names(file)]
    return [
        *(_two_names(file, folder, key) for file in shared),
        *_symbolic(folder, home, key),
    ]


def links_of_a_stranger(folder: Path) -> list[Mistake]:
    """Return a mistake for each symbolic link below `folder` whose target is outside, for a folder of somebody else."""
    home = folder.resolve()
    problem = "is a symbolic link out of a folder that was not written by you on this machine"
    return [
        Mistake("", f"{link.relative_to(folder)} {problem}: {link.readlink()}", "the file itself in its place", folder)
        for link in _links(folder)
        if not _target(link).is_relative_to(home)
    ]


def _symbolic(folder: Path, home: Path, key: str) -> list[Mistake]:
    return [
        Mistake(
            key,
            f"{link.relative_to(folder)} is a symbolic link to {link.readlink()}: the run would write into that file",
            f"rm {shlex.quote(str(link))}",
            folder,
        )
        for link in _links(folder)
        if not _target(link).is_relative_to(home)
    ]


def _has_two_names(file: Path) -> bool:
    try:
        status = file.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _two_names(file: Path, folder: Path, key: str) -> Mistake:
    copy = file.with_name(f"{file.name}.copy")
    problem = f"{file.name} has a second name (a hard link): the run would also change the file of that name"
    return Mistake(
        key,
        problem,
        f"{shlex.join(['cp', str(file), str(copy)])} && {shlex.join(['mv', str(copy), str(file)])}",
        folder,
    )


def _target(link: Path) -> Path:
    """Return the target of a link; a link that leads to itself counts as leading outside."""
    try:
        return link.resolve()
    except (OSError, RuntimeError):
        return Path("/")


def _links(folder: Path) -> Iterator[Path]:
    """Yield every symbolic link below the folder; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            if (path := Path(parent) / name).is_symlink():
                yield path
        if Path(parent).name == WANDB and Path(parent) != folder:
            folders.clear()
