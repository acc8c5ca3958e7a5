"""What a killed trial or controller left in a trial's folder: an end not told, a record without one, a start."""

from lab.record import RunFolder, StudyFolder
from lab.sweep.endings import Ending

ENDED_WELL = ("completed", "early_stopped", "terminated")


def harvest(run: RunFolder) -> Ending | None:
    """How a run ended whose end was recorded but not told before the controller was killed; None where it was cut."""
    if not (run.path / "run.json").is_file():
        return None
    record = run.read()
    if record["status"] in ENDED_WELL:
        return Ending("terminated" if record["status"] == "terminated" else "completed", record["reason"])
    if record["status"] == "failed":
        return Ending("failed", record["reason"], record["failure"])
    return None


def record_failure(run: RunFolder, ended: Ending) -> None:
    """A process that died could not write down why; its record is completed for it."""
    if (run.path / "run.json").is_file() and run.read()["status"] == "interrupted":
        run.update(status="failed", reason=ended.reason, failure=ended.failure)


def set_aside(folder: StudyFolder, number: int) -> None:
    """Keep what a run left that was cut before its first checkpoint: it starts anew, and nothing is overwritten."""
    aside = folder.path / ".cut"
    aside.mkdir(exist_ok=True)
    times = sum(1 for _ in aside.glob(f"{number}-*"))
    folder.trial(number).path.rename(aside / f"{number}-{times + 1}")
