"""The best configurations again under new seeds, so that a lucky seed does not win. In `confirm/<trial>-<seed>`."""

from lab.record import StudyFolder
from lab.sweep.board import Board
from lab.sweep.jobs import Job
from lab.sweep.launch import returned
from lab.sweep.leftovers import ENDED_WELL
from lab.sweep.plan import Plan
from lab.sweep.processes import Pool, Said
from lab.sweep.results import Confirmed, confirmed
from lab.sweep.study import resumed


def confirm(
    plan: Plan, best: list[tuple[int, list[str]]], folder: StudyFolder, pool: Pool, board: Board
) -> list[Confirmed]:
    """Run the configurations `best` (trial number, overrides) under `plan.confirm.seeds` new seeds each.

    What an earlier command has run counts; what it left cut goes on. A configuration none of whose runs gave a value
    is left out.
    """
    assert plan.confirm is not None
    seeds = [plan.seed + 1 + place for place in range(plan.confirm.seeds)]
    waiting = [(number, overrides, seed) for number, overrides in best for seed in seeds]
    jobs: dict[int, Job] = {}
    while waiting or jobs:
        while waiting and pool.free():
            number, overrides, seed = waiting.pop(0)
            name = f"confirm/{number}-{seed}"
            if _value(folder, name) is not None:
                continue
            key = len(best) * len(seeds) - len(waiting)
            again = resumed(folder.trial(name))
            jobs[key] = Job(number, [*plan.fixed, *overrides, f"seed={seed}", *again], name)
            board.started(key, f"{' '.join(overrides)} seed={seed}")
            pool.start(key, jobs[key], plan.limits.trial_timeout)
        if not jobs:
            break
        for event in pool.wait():
            if isinstance(event, Said):
                pool.answer(event.number, None)
                continue
            done = returned(event, jobs.pop(event.number))
            board.ended_with(event.number, f"(confirmation) {done.status.name.lower()}")
    found = []
    for number, _ in best:
        values = {seed: _value(folder, f"confirm/{number}-{seed}") for seed in seeds}
        known = {seed: value for seed, value in values.items() if value is not None}
        if known:
            found.append(confirmed(number, list(known), list(known.values())))
    return found


def _value(folder: StudyFolder, name: str) -> float | None:
    run = folder.trial(name)
    if not (run.path / "run.json").is_file():
        return None
    record = run.read()
    value = record["objective"]["value"]
    return float(value) if record["status"] in ENDED_WELL and value is not None else None
