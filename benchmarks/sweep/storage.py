"""What one call of a shared study costs on a real server: PostgreSQL, and Optuna's gRPC proxy before it.

    python -m benchmarks.sweep.storage [--finished 200] [--running 8 64 256] [--repeats 100]

A study with `--finished` ended trials and some running ones. A write is an attribute of a trial, flushed to the disk; a
read is the study as a controller reads it at a report, which costs a part for each running trial; a lock is taking and
freeing that of the study. The server and the client share this machine: a network adds its round trip to every call.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.trial import TrialState

from benchmarks.harness.postgres_server import postgres_server
from benchmarks.harness.proxy_server import proxy_of
from benchmarks.harness.table import RESULTS, finish, shown, spread
from lab.sweep.storage.database_lock import shared_lock
from lab.sweep.storage.optuna_storage import open_storage

NAME, NUM_REPORTS = "cost", 10


def fill(url: str, finished: int, running: int) -> list[int]:
    """Add trials of ten reports to the study; return the ids of all that run."""
    storage = get_storage(f"{url}?options=-csynchronous_commit%3Doff")
    study = optuna.create_study(study_name=NAME, storage=storage, direction="maximize", load_if_exists=True)
    for number in range(finished + running):
        values = {interval: number / (number + interval) for interval in range(1, NUM_REPORTS + 1)}
        state = TrialState.COMPLETE if number < finished else TrialState.RUNNING
        trial = optuna.trial.create_trial(
            state=state, value=0.5 if number < finished else None, intermediate_values=values,
            params={"x": 0.5}, distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
            user_attrs={"values": {"x": 0.5}, "controller": "c", "claim": "d", "seen": 1.0},
        )  # fmt: skip
        trial.datetime_start = datetime(2026, 1, 1)
        study.add_trial(trial)
    ids = [trial._trial_id for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]
    dispose(storage)
    return ids


def dispose(storage: BaseStorage) -> None:
    """Close the connections of a database's storage."""
    if isinstance(backend := getattr(storage, "_backend", None), RDBStorage):
        backend.engine.dispose()


def times_ms(call: Callable[[int], object], repeats: int) -> dict[str, float]:
    """Spread of the calls in ms; the first ones, which fill caches, are left out."""
    times = []
    for number in range(repeats + 3):
        began = time.perf_counter()
        call(number)
        times.append(1000 * (time.perf_counter() - began))
    return spread(times[3:])


def measured(url: str, ids: Sequence[int], repeats: int) -> dict[str, dict[str, float]]:
    """Return what a write, a read and the lock of the study cost a client."""
    storage = get_storage(open_storage(url, Path()))
    study = optuna.load_study(study_name=NAME, storage=storage)
    costs = {
        "write": times_ms(lambda n: storage.set_trial_user_attr(ids[n % len(ids)], "seen", float(n)), repeats),
        "read": times_ms(lambda _: study.get_trials(deepcopy=False), repeats),
        "lock": times_ms(lambda _: _locked(url, storage), max(10, repeats // 4)),
    }
    dispose(storage)
    return costs


def _locked(url: str, storage: BaseStorage) -> None:
    with shared_lock(url, NAME, storage):
        pass


def fitted(costs: dict[int, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Seconds of each call for the simulation: least squares of a reading over the running trials."""
    running = sorted(costs)
    reads = [costs[n]["read"]["median"] / 1000 for n in running]
    mean_n, mean_s = sum(running) / len(running), sum(reads) / len(reads)
    slope = sum((n - mean_n) * (s - mean_s) for n, s in zip(running, reads, strict=True)) / sum(
        (n - mean_n) ** 2 for n in running
    )
    middle = costs[running[len(running) // 2]]
    return {
        "write_s": middle["write"]["median"] / 1000,
        "read_s": max(mean_s - slope * mean_n, 0.0),
        "read_trial_s": slope,
        "lock_s": middle["lock"]["median"] / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--finished", type=int, default=200)
    parser.add_argument("--running", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_storage.json")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    costs: dict[str, dict[int, dict[str, dict[str, float]]]] = {"postgresql": {}, "grpc": {}}
    with postgres_server(durable=True) as server, proxy_of(server) as address:
        before = 0
        for running in sorted(options.running):
            ids = fill(server.url, 0 if before else options.finished, running - before)
            before = running
            for kind, url in (("postgresql", server.url), ("grpc", address)):
                costs[kind][running] = measured(url, ids, options.repeats)
    calls = ("write", "read", "lock")
    rows = [
        [f"{kind}, {running} running", *(shown(per[call]) for call in calls)]
        for kind, by in costs.items()
        for running, per in by.items()
    ]
    reported: dict[str, Any] = {
        "finished": options.finished, "repeats": options.repeats, "cost_ms": costs,
        "fitted_s": {kind: fitted(by) for kind, by in costs.items()},
    }  # fmt: skip
    head = [f"{options.finished} ended trials", *(f"{call}, ms" for call in calls)]
    finish("sweep_storage", head, rows, reported, options.results)


if __name__ == "__main__":
    main()
