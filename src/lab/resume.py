"""`resume=RUN` and `test=RUN`: compose from RUN's own config.yaml and write into RUN, whatever conf/ says by then.

Hydra reads its paths from the command line only, so the line is rewritten before Hydra sees it.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from hydra.core.override_parser.types import Quote, QuotedString

from lab.errors import Mistake, RequestError, quoted
from lab.files import Unreadable, regular
from lab.keys import flattened
from lab.record import RunFolder
from lab.record_fields import REQUESTED
from lab.request import parse, split

CHANGEABLE = (
    "trainer.max_epochs", "trainer.min_epochs", "trainer.threads", "trainer.accelerator", "callbacks.early_stopping",
    "callbacks.checkpoint", "callbacks.progress", "callbacks.curves", "callbacks.overfit", "callbacks.nan_guard",
    "data.num_workers", "data.pin_memory", "data.persistent_workers", "data.eval_batch_size", "data.path", "data.train",
    "data.val", "data.test", "peft.merge", "logger", "cache.dir", "cache.max_gib", "hydra", "tags",
)  # fmt: skip
"""Keys, and what is below them, that may be given anew for a run that goes on or is tested again.

All others made it what it is: a checkpoint restores them, or the rows left in a cut epoch depend on them. The paths of
the data may change, its content may not.
"""
OWN = ("hydra.run.dir", "hydra.output_subdir")
"""Where it writes: into its own folder."""
LATER = {"trainer.compile": "false"}
"""Keys that runs of before do not have, and what they did."""
DONE = {"resume": "resumed", "test": "tested again"}


def resumed_argv(argv: Sequence[str], conf: Path) -> list[str]:
    """`argv` itself, or with `resume=RUN` or `test=RUN` one that composes from RUN's config.yaml and writes into RUN.

    conf: the shipped config folder, for Hydra's own settings. Raises RequestError for a folder that cannot be resumed
    or tested.
    """
    typed = parse(argv)
    asked = {key: value for key, value in map(split, typed.overrides) if key in ("resume", "test") and value != "null"}
    if not asked:
        return list(argv)
    if len(asked) == 2:
        remedy = f"{quoted('resume', asked['resume'])} first, then {quoted('test', asked['test'])}"
        raise RequestError(
            Mistake("test", "a run is either resumed or tested, not both at once", remedy, asked["test"])
        )
    ((key, given),) = asked.items()
    rest = [override for override in typed.overrides if split(override)[0] not in ("resume", "test")]
    if typed.multirun:
        raise RequestError(
            Mistake(key, "does not go with -m: one run at a time", f"leave out -m, type {key}=RUN", given)
        )
    run = RunFolder(Path(given).expanduser().absolute())
    obstacles = _obstacles(key, given, run, rest)
    if obstacles:
        raise RequestError(obstacles)
    place = QuotedString(str(run.path), Quote.single).with_quotes()
    logging = "lab" if key == "resume" else "terminal"
    shown = [] if typed.cfg is None else ["--cfg", typed.cfg]
    return [
        argv[0], *shown, "--config-path", str(run.path), "--config-name", "config", "--config-dir", str(conf),
        "hydra/callbacks=claim", f"hydra/job_logging={logging}", f"hydra.run.dir={place}", "hydra.output_subdir=null",
        f"++{key}={place}", f"++{'test' if key == 'resume' else 'resume'}=null", *_later(run), *rest,
    ]  # fmt: skip


def _obstacles(key: str, given: str, run: RunFolder, rest: Sequence[str]) -> list[Mistake]:
    """Why a folder cannot be resumed or tested; empty when it can."""
    if not run.path.is_dir():
        return [Mistake(key, "there is no such folder", f"{key}=outputs/<date>/<time>", given)]
    if not run.config.exists():
        return [Mistake(key, "is not a run folder: it holds no config.yaml", f"{key}=outputs/<date>/<time>", given)]
    checkpoint = run.last if key == "resume" else run.best
    if not checkpoint.exists():
        name = checkpoint.relative_to(run.path)
        remedy = "the run's own command (run.json) in a new folder" if key == "resume" else quoted("resume", given)
        return [Mistake(key, f"holds no {name}: it was cut before the first one was written", remedy, given)]
    if damage := list(_damage(run, checkpoint)):
        return [Mistake(key, problem, f"{key}=ANOTHER_RUN", given) for problem in damage]
    saved, record = run.read_config(), run.read()
    if still_running(record.get("process")):
        problem = f"this run is still going, as process {record['process']['pid']}"
        return [Mistake(key, problem, "wait for its end, or stop it first", given)]
    fixed = [
        Mistake(name, f"cannot change when a run is {DONE[key]}", f"leave out {name}, or start a new run", value)
        for name, value in map(split, rest)
        if not _may_change(name)
    ]
    fixed += [
        Mistake(name, f"a run is {DONE[key]} in its own folder", f"leave out {name}", value)
        for name, value in map(split, rest)
        if name.lstrip("+~") in OWN
    ]
    if fixed or key == "test":
        return fixed
    return _nothing_left(given, record.get("status"), flattened(saved), dict(map(split, rest)))


def _damage(run: RunFolder, checkpoint: Path) -> Iterator[str]:
    """What of a run's own files cannot be read, all of it."""
    for read in (run.read_config, partial(_whole_record, run), partial(regular, checkpoint)):
        try:
            read()
        except FileNotFoundError:
            yield "holds no run.json: nothing says what this run was"
        except (Unreadable, OSError) as error:
            yield f"cannot be read: {error}"


def _whole_record(run: RunFolder) -> None:
    """Raises Unreadable for a record without what a run that goes on, or is tested again, relies on."""
    record = run.read()
    if wrong := list(REQUESTED("requested", record.get("requested"))):
        raise Unreadable(run.path / "run.json", "; ".join(wrong))


def _later(run: RunFolder) -> list[str]:
    saved = flattened(run.read_config())
    return [f"++{key}={value}" for key, value in LATER.items() if key not in saved]


def _may_change(name: str) -> bool:
    bare = name.lstrip("+~")
    return any(bare == key or bare.startswith(f"{key}.") for key in CHANGEABLE)


def _nothing_left(
    given: str, status: str | None, saved: Mapping[str, object], typed: Mapping[str, str]
) -> list[Mistake]:
    """A run that came to its end goes on only where what ended it was changed."""
    limit = "trainer.max_epochs"
    more = limit in typed and _number(typed[limit]) > _number(saved.get(limit))
    if status == "completed" and not more:
        epochs = int(_number(saved.get("trainer.max_epochs", 1)))
        remedy = f"{quoted('resume', given)} trainer.max_epochs={2 * epochs}, or {quoted('test', given)}"
        return [Mistake("resume", f"this run is complete after {epochs} epochs", remedy, given)]
    if status == "early_stopped" and not any(name.startswith("callbacks.early_stopping.") for name in typed):
        remedy = f"{quoted('resume', given)} callbacks.early_stopping.patience=null, or {quoted('test', given)}"
        return [Mistake("resume", "this run stopped early by its own rule and is complete", remedy, given)]
    return []


def still_running(process: Mapping[str, Any] | None) -> bool:
    """Whether the process of a record (`pid`, `host`, `started` in ISO 8601) lives, as far as this machine can tell.

    A process that began after the record was started only has the number of one that is gone.
    """
    if not process or process["host"] != platform.node() or not psutil.pid_exists(process["pid"]):
        return False
    try:
        began = psutil.Process(process["pid"]).create_time()
    except psutil.NoSuchProcess:
        return False
    return began <= datetime.fromisoformat(process["started"]).timestamp() + 1.0


def _number(text: object) -> float:
    """A limit as a number; none at all is the largest."""
    try:
        return float("inf") if text in (None, "null") else float(str(text))
    except ValueError:
        return 0.0
