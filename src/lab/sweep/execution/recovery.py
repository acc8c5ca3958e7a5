"""Recovers trials of a killed process or controller from their folders: a recorded end, a missing end, a checkpoint.

It also refuses a storage that does not match the folders.
"""

from collections.abc import Iterable

from hydra.core.override_parser.types import Quote, QuotedString
from optuna.trial import FrozenTrial

from lab.core.errors import Mistake, RequestError, listed
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.sweep.execution.trial_outcome import TrialOutcome
from lab.sweep.search_space.space import Space

ENDED_WELL = ("completed", "early_stopped", "terminated")


def recorded_outcome(run: RunFolder) -> TrialOutcome | None:
    """Return the end that a run recorded; None where it was interrupted, or where work is pending after its end."""
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
    names = (int(path.name) for path in folder.path.iterdir() if path.name.isdecimal())
    unknown = [number for number in sorted(names) if number >= num_known and _ended(folder.trial(number)) is not None]
    if unknown:
        problem = (
            f"its storage does not contain {listed([f'trial {number}' for number in unknown])}, which have finished"
        )
        remedy = f"put the journal or the database back, or {quoted('sweep.study', f'{folder.path.name}_2')}"
        raise RequestError(Mistake("sweep.study", problem, remedy, folder.path.name))


def refuse_other_parameters(trials: Iterable[FrozenTrial], space: Space, study: str) -> None:
    """Raises RequestError for trials whose parameters were drawn from other distributions: their values become
    overrides, and the journal may come from another person. A trial whose command was killed while it was drawn has
    some of its parameters; the others are drawn when it starts again."""
    expected = space.distributions()

    def is_other(trial: FrozenTrial) -> bool:
        known = trial.distributions
        is_partial = len(known) < len(expected) and not trial.state.is_finished()
        return bool(known) and known != ({name: expected.get(name) for name in known} if is_partial else expected)

    wrong = [trial.number for trial in trials if is_other(trial)]
    if wrong:
        problem = f"its storage contains {listed([f'trial {number}' for number in wrong])} of another search space"
        raise RequestError(Mistake("sweep.study", problem, quoted("sweep.study", f"{study}_2"), study))


def record_failure(run: RunFolder, ended: TrialOutcome) -> None:
    """Complete the record of a run whose process died before it could write why."""
    if (run.path / "run.json").is_file() and run.read()["status"] == "interrupted":
        run.update(status="failed", reason=ended.reason, failure=ended.failure)


def resume_override(folder: StudyFolder, name: str) -> list[str]:
    """Return the override that resumes a run from its last checkpoint.

    A run that was interrupted before its first checkpoint starts again; its folder is moved to `.cut/`, so that nothing
    is overwritten.
    """
    run = folder.trial(name)
    if run.last.exists():
        return [f"resume={QuotedString(str(run.path.absolute()), Quote.single).with_quotes()}"]
    if run.path.exists():
        flat = name.replace("/", "-")
        archive = folder.path / ".cut"
        archive.mkdir(exist_ok=True)
        times = sum(1 for _ in archive.glob(f"{flat}-*"))
        run.path.rename(archive / f"{flat}-{times + 1}")
    return []
