"""From the folder that a person names to the folder of one run: the run itself, or the winner of a study."""

from pathlib import Path

from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json
from lab.core.record.run_folder import RunFolder

SUMMARY = "summary.json"


def run_of(named: str) -> RunFolder:
    """The run of `run=`. Raises RequestError for a folder that is neither a run nor a study with a winner."""
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise RequestError(Mistake("run", "there is no such folder", "run=RUN (a folder below outputs/)", named))
    if (folder / SUMMARY).is_file():
        return _winner(folder, named)
    run = RunFolder(folder)
    if not run.config.is_file():
        problem = "is neither a run folder (no config.yaml) nor a study (no summary.json)"
        raise RequestError(Mistake("run", problem, "run=RUN (a folder below outputs/)", named))
    if not run.best.is_file():
        problem = "has no checkpoints/best.ckpt: the run was interrupted before its first validation, or had no score"
        raise RequestError(Mistake("run", problem, f"python train.py resume={named}", named))
    return run


def _winner(study: Path, named: str) -> RunFolder:
    try:
        summary = read_json(study / SUMMARY, dict)
        trial = (summary.get("winner") or {})["trial"]
    except (OSError, Unreadable, KeyError, TypeError) as error:
        raise RequestError(Mistake("run", "is a study without a winner", "run=RUN", named)) from error
    if type(trial) is not int:
        raise RequestError(Mistake("run", f"{SUMMARY} is damaged: its winner is no trial", "run=RUN", named))
    return run_of(str(study / str(trial)))
