"""What a killed trial or controller left in a trial's folder: an end not told, a record without one, a start."""

from collections.abc import Iterable

from hydra.core.override_parser.types import Quote, QuotedString
from optuna.trial import FrozenTrial

from lab.core.errors import Mistake, RequestError, listed
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.sweep.execution.trial_outcome import TrialOutcome
from lab.sweep.search_space.space import Space

ENDED_WELL = ("completed", "early_stopped", "terminated")


def recorded_outcome(run: RunFolder) -> TrialOutcome | None:
    """How a run ended whose end was recorded but not told before the controller was killed; None where it was cut, or
    something is still to be done after its end."""
    record = run.read() if (run.path / "run.json").is_file() else {}
    return None if record.get("pending") else _ended(run)


def _ended(run: RunFolder) -> TrialOutcome | None:
    if not (run.path / "run.json").is_file():
        return None
    record = run.read()
    if record["status"] in ENDED_WELL:
        return TrialOutcome("terminated" if record["status"] == "terminated" else "completed", record["reason"])
    if record["status"] == "failed":
        return TrialOutcome("failed", record["reason"], record["failure"])
    return None


def refuse_unknown_runs(folder: StudyFolder, num_known: int) -> None:
    """Raises RequestError for finished runs of trials unknown to the study's storage, which has `num_known`."""
    names = (int(one.name) for one in folder.path.iterdir() if one.name.isdecimal())
    strange = [number for number in sorted(names) if number >= num_known and _ended(folder.trial(number)) is not None]
    if strange:
        problem = (
            f"its storage knows nothing of {listed([f'trial {number}' for number in strange])}, which have finished"
        )
        remedy = "put the journal or the database back, or sweep.study=ANOTHER"
        raise RequestError(Mistake("sweep.study", problem, remedy, folder.path.name))


def refuse_other_parameters(trials: Iterable[FrozenTrial], space: Space, study: str) -> None:
    """Raises RequestError for trials whose parameters were drawn from other laws: their values become overrides, and a
    journal may be anybody's."""
    laws = space.distributions()
    strange = [trial.number for trial in trials if trial.distributions and trial.distributions != laws]
    if strange:
        problem = f"its storage holds {listed([f'trial {number}' for number in strange])} of another search space"
        raise RequestError(Mistake("sweep.study", problem, "sweep.study=ANOTHER", study))


def record_failure(run: RunFolder, ended: TrialOutcome) -> None:
    """A process that died could not write down why; its record is completed for it."""
    if (run.path / "run.json").is_file() and run.read()["status"] == "interrupted":
        run.update(status="failed", reason=ended.reason, failure=ended.failure)


def resumed(folder: StudyFolder, name: str) -> list[str]:
    """The override with which a run goes on from its last checkpoint. What was cut before its first one is set aside
    in `.cut/`: it starts anew, and nothing is overwritten."""
    run = folder.trial(name)
    if run.last.exists():
        return [f"resume={QuotedString(str(run.path.absolute()), Quote.single).with_quotes()}"]
    if run.path.exists():
        flat = name.replace("/", "-")
        aside = folder.path / ".cut"
        aside.mkdir(exist_ok=True)
        times = sum(1 for _ in aside.glob(f"{flat}-*"))
        run.path.rename(aside / f"{flat}-{times + 1}")
    return []
