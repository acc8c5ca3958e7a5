"""What the jobs of one multirun agree on, in a file of its folder: the first one measures, the others take its word.

A measurement near its threshold may fall either way, and trials in two precisions are no comparison.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from lab.core.files import write_whole
from lab.core.locks import exclusive


def agreed(folder: Path, name: str, allowed: Collection[str], measure: Callable[[], str]) -> str:
    """The word in `folder`/`name`, written there by whoever comes first; anything but `allowed` is measured anew.

    Raises OSError where the folder cannot be written to.
    """
    file = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / f".{name}.lock", lambda: None):
        word = file.read_text(encoding="utf-8").strip() if file.exists() else ""
        if word not in allowed:
            word = measure()
            write_whole(file, lambda aside: aside.write_text(f"{word}\n", encoding="utf-8"))
    return word
