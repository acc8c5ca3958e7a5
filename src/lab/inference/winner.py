"""The run that `run=` names: a run folder, the winner of a study or of a report, or a model of MLflow or W&B."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.core.errors import Mistake, RequestError, nearest
from lab.core.files import Unreadable, read_json
from lab.core.hydra_quoting import quoted
from lab.core.record.export_record import EXPORT_FILE
from lab.inference.addresses.fetch import fetched, is_address


def find_run(typed: str) -> Path:
    """Return the run folder that is meant. Raises RequestError for a folder that is no run and has no winner.

    A file of a report, such as its page, means the report. An address is fetched as `lab.inference.addresses` says.
    """
    if is_address(typed):
        return fetched(typed)
    folder = Path(typed).expanduser()
    if folder.is_file() and (folder.parent / "winner.json").is_file():
        folder = folder.parent
    if not folder.is_dir():
        beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
        near = nearest(folder.name, beside)
        problem = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise RequestError(Mistake("run", problem, quoted("run", folder.parent / near) if near else "", typed))
    if (folder / "config.yaml").exists() or (folder / "spec.json").exists():
        return folder
    if (folder / EXPORT_FILE).exists():
        problem = "is an export for transformers, which loads it"
        raise RequestError(Mistake("run", problem, "an export of format=torch or format=onnx", typed))
    for name, winner_of in WINNERS.items():
        if (folder / name).exists():
            return _winner(folder, name, winner_of)
    runs = sorted(path.parent for path in folder.glob("*/spec.json"))
    remedy = quoted("run", runs[-1]) if runs else "a folder that train.py made: outputs/DATE/TIME"
    raise RequestError(Mistake("run", "is neither a run nor a study nor a report", remedy, typed))


def _winner(folder: Path, name: str, winner_of: Callable[[Path, Mapping[str, Any]], Path | None]) -> Path:
    try:
        winner = winner_of(folder, read_json(folder / name, dict))
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("run", f"its {name} cannot be read: {error}", "run=RUN_FOLDER", folder)) from error
    if winner is None:
        raise RequestError(Mistake("run", f"has no winner: {name} names no run", "run=RUN_FOLDER", folder))
    if not winner.is_dir():
        problem = f"its winner {winner} is not there"
        raise RequestError(Mistake("run", problem, "run=RUN_FOLDER, where it is now", folder))
    return winner


def _of_study(folder: Path, summary: Mapping[str, Any]) -> Path | None:
    winner = summary.get("winner")
    trial = winner.get("trial") if isinstance(winner, dict) else None
    return folder / str(trial) if isinstance(trial, int) else None


def _of_report(folder: Path, winner: Mapping[str, Any]) -> Path | None:
    path = winner.get("path")
    return folder / path if isinstance(path, str) else None


WINNERS = {"summary.json": _of_study, "winner.json": _of_report}
"""For the file that a study or a report writes: the function that reads the winner's folder from it."""
