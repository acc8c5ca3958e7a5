"""The folders that a report is asked for: as a shell hands them over, as Hydra takes them, as they lie on the disk."""

import glob
from collections.abc import Sequence
from pathlib import Path

from lab.core.errors import Mistake, RequestError

KEY = "runs="


def join_folders(argv: Sequence[str]) -> list[str]:
    """`runs=A B C`, `runs=A,B` and several `runs=` as the one list that Hydra takes; quotes are put around paths.

    A word after `runs=` that is no flag and no `key=value` is one more folder. A list that was typed as one is kept.
    """
    folders: list[str] = []
    others: list[str] = []
    place: int | None = None
    following = False
    for number, word in enumerate(argv):
        if word.startswith(KEY) and not word.startswith((f"{KEY}[", f"{KEY}'", f'{KEY}"')):
            folders += [part for part in word.removeprefix(KEY).split(",") if part]
            place, following = len(others) if place is None else place, True
        elif following and number and not word.startswith("-") and "=" not in word:
            folders.append(word)
        else:
            others.append(word)
            following = False
    if place is None:
        return others
    quoted = ["'" + folder.replace("\\", "\\\\").replace("'", "\\'") + "'" for folder in folders]
    return [*others[:place], f"{KEY}[{','.join(quoted)}]", *others[place:]]


def find_folders(given: Sequence[str]) -> list[Path]:
    """The folders that are meant; patterns are opened. Raises RequestError with every one that is not there."""
    if not given:
        raise RequestError(Mistake("runs", "names no folder", "runs=multirun/my_study, or runs=outputs"))
    folders, mistakes = [], []
    for text in given:
        path = Path(text).expanduser()
        found = [path] if path.exists() else [Path(name) for name in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not found:
            mistakes.append(Mistake("runs", "there is no such folder", "a folder that train.py made", text))
        for one in found:
            if one.is_dir():
                folders.append(one)
            elif one.name == "run.json":
                folders.append(one.parent)
            else:
                mistakes.append(Mistake("runs", "is a file, not a folder", f"runs={one.parent}", str(one)))
    if mistakes:
        raise RequestError(mistakes)
    return folders
