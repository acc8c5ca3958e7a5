"""A decision that all jobs of one multirun share, kept in a file of its folder.

A measurement near its threshold may come out either way, and trials in different precisions cannot be compared. So the
first job decides, and the others read its decision.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from lab.core.files import write_whole
from lab.core.locks import exclusive


def shared_decision(folder: Path, name: str, allowed: Collection[str], decide: Callable[[], str]) -> str:
    """The decision in the file `folder`/`name`; the first job that calls this decides and writes it.

    A content that is not in `allowed` is replaced by a new decision. Raises OSError where the folder cannot be written.
    """
    file = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / f".{name}.lock", lambda: None):
        decision = file.read_text(encoding="utf-8").strip() if file.exists() else ""
        if decision not in allowed:
            decision = decide()
            write_whole(file, lambda partial: partial.write_text(f"{decision}\n", encoding="utf-8"))
    return decision
