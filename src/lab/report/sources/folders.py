"""The requested folders of a report: words of the shell become a list for Hydra, and patterns become folders."""

import glob
from collections.abc import Sequence
from pathlib import Path

from lab.core.errors import Mistake, RequestError

KEY = "runs="


def join_folders(argv: Sequence[str]) -> list[str]:
    """Return the arguments with `runs=A B C`, `runs=A,B` and repeated `runs=` as one list of quoted paths for Hydra.

    A word after `runs=` that is neither a flag nor `key=value` is another folder. A typed list stays as it is.
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


def find_folders(requested: Sequence[str]) -> list[Path]:
    """Return the requested folders, with patterns expanded. Raises RequestError with every missing one."""
    if not requested:
        raise RequestError(Mistake("runs", "names no folder", "runs=multirun/my_study, or runs=outputs"))
    folders, mistakes = [], []
    for text in requested:
        path = Path(text).expanduser()
        paths = [path] if path.exists() else [Path(name) for name in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not paths:
            mistakes.append(Mistake("runs", "there is no such folder", "a folder that train.py made", text))
        for match in paths:
            if match.is_dir():
                folders.append(match)
            elif match.name == "run.json":
                folders.append(match.parent)
            else:
                mistakes.append(Mistake("runs", "is a file, not a folder", f"runs={match.parent}", str(match)))
    if mistakes:
        raise RequestError(mistakes)
    return folders
