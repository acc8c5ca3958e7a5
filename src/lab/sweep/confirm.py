"""The best configurations again under new seeds, so that a lucky seed does not win. In `confirm/<trial>-<seed>`."""

from lab.record import StudyFolder
from lab.sweep.board import Board
from lab.sweep.elsewhere import LauncherPool
from lab.sweep.interrupts import Interrupts
from lab.sweep.jobs import Job
from lab.sweep.launch import returned
from lab.sweep.leftovers import ENDED_WELL, resumed
from lab.sweep.plan import Plan
from lab.sweep.processes import Pool, Said
from lab.sweep.reporter import Report
from lab.sweep.results import Confirmed, confirmed


def confirm(
    plan: Plan,
    best: list[tuple[int, list[str]]],
    folder: StudyFolder,
    pool: Pool | LauncherPool,
    board: Board,
    interrupts: Interrupts,
) -> list[Confirmed]:
    """Run the configurations `best` (trial number, overrides) under `plan.confirm.seeds` new seeds each.

    What an earlier command has run counts; what it left cut goes on. A configuration none of whose runs gave a value
    is left out. `interrupts` stops it as it does the search.
    """
    assert plan.confirm is not None
    seeds = [plan.seed + 1 + place for place in range(plan.confirm.seeds)]
    every = [(number, overrides, seed) for number, overrides in best for seed in seeds]
    waiting = [one for one in every if _value(folder, f"confirm/{one[0]}-{one[2]}") is None]
    jobs: dict[int, Job] = {}
    board.begin(len(waiting))
    while waiting or jobs:
        if (asked := interrupts.asked()) is not None:
            waiting.clear()
            for key in jobs if asked[1] else ():
                pool.stop(key, "stop")
        while waiting and pool.free():
            number, overrides, seed = waiting.pop(0)
            name = f"confirm/{number}-{seed}"
            key = len(best) * len(seeds) - len(waiting)
            again = resumed(folder, name)
            jobs[key] = Job(number, [*plan.fixed, *overrides, f"seed={seed}", *again], name)
            board.started(key, f"{' '.join(overrides)} seed={seed}")
            pool.start(key, jobs[key], plan.limits.trial_timeout)
        if not jobs:
            break
        for event in pool.wait():
            if isinstance(event, Said):
                if isinstance(event.message, Report):
                    board.reported(event.number, event.message.interval, event.message.share, None)
                pool.answer(event.number, None)
                continue
            status = returned(event, jobs.pop(event.number)).status.name.lower()
            board.ended_with(event.number, status, f"(confirmation) {status}")
        board.tick()
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
