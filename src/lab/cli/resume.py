"""`resume=RUN` and `test=RUN`: compose from RUN's config.yaml and write into RUN, even if conf/ has changed.

Hydra reads its paths from the command line only, so the line is rewritten before Hydra sees it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import OmegaConf

from lab.cli.command_line import parse, split
from lab.cli.resume_changes import changing
from lab.cli.saved_config import SavedConfig, read_saved
from lab.config.dotted_keys import flattened, is_there
from lab.config.interpolations import resolved
from lab.config.key_roles import field_of, has_role
from lab.config.rules.models import SOLVED
from lab.config.rules.sizes import unusable
from lab.config.schema import Role
from lab.config.unknown_keys import renamed
from lab.core.errors import Mistake, RequestError, listed
from lab.core.files import Unreadable, regular
from lab.core.hydra_quoting import quoted
from lab.core.locks import LockError, Taken, sole
from lab.core.record.fields import REQUESTED
from lab.core.record.run_folder import RunFolder
from lab.core.symlinks import links_out

OWN = ("hydra.run.dir", "hydra.output_subdir")
"""Where it writes: into its own folder."""
LIMITS = ("trainer.max_epochs", "trainer.max_steps", "trainer.max_time")
"""What may end a run; a completed run is resumed where one of them is raised."""
IN_CLOSED_FORM = [("model.kind", kind) for kind in SOLVED] + [("model.head", "ridge")]
"""Settings of models that are solved in one pass, which no limit makes longer."""
DONE = {"resume": "resumed", "test": "tested again"}

log = logging.getLogger(__name__)


@contextmanager
def locked(argv: Sequence[str]) -> Iterator[None]:
    """Lock the folder of `resume=RUN` or `test=RUN` for the duration of the block.

    Raises RequestError if another command works in it.
    """
    typed = parse(argv)
    requested = _requested(typed.overrides)
    runs = [(RunFolder(Path(given).expanduser().absolute()), key) for key, given in requested.items()]
    if not typed.runs or len(runs) != 1 or not _is_run(runs[0][0]):
        yield  # `resumed_argv` names the mistake
        return
    with sole_process(*runs[0]):
        yield


def _is_run(run: RunFolder) -> bool:
    try:
        return run.config.is_file()
    except (OSError, ValueError):  # no path: too long, or with a NUL byte
        return False


@contextmanager
def sole_process(run: RunFolder, key: str, waits: bool = False) -> Iterator[None]:
    """Lock a run's folder for the duration of the block.

    key: the config key of the mistake. waits: wait for another process, as a trial does whose earlier process was given
    up and continues until its next report. Raises RequestError if another process works in the folder.
    """

    def waiting(holder: str) -> None:
        log.warning("%s still works in %s: waiting for its end", holder, run.path)

    try:
        with sole(run.lock, waiting if waits else None):
            yield
    except Taken as error:
        problem = f"this run is still running, as {error}"
        raise RequestError(Mistake(key, problem, "wait for its end, or stop it first", run.path)) from error
    except LockError as error:
        raise RequestError(Mistake(key, str(error), f"remove {run.lock.name} from the folder", run.path)) from error


def resumed_argv(argv: Sequence[str], conf: Path) -> list[str]:
    """Return `argv`; with `resume=RUN` or `test=RUN`, a line that composes from RUN's config.yaml and writes into RUN.

    conf: the shipped config folder, for Hydra's own settings. Raises RequestError for a folder that cannot be resumed
    or tested.
    """
    typed = parse(argv)
    requested = _requested(typed.overrides)
    if not requested:
        return list(argv)
    if len(requested) == 2:
        remedy = f"{quoted('resume', requested['resume'])} first, then {quoted('test', requested['test'])}"
        raise RequestError(
            Mistake("test", "a run is either resumed or tested, not both at once", remedy, requested["test"])
        )
    ((key, given),) = requested.items()
    rest = [override for override in typed.overrides if split(override)[0] not in ("resume", "test")]
    if typed.multirun:
        raise RequestError(
            Mistake(key, "does not go with -m: one run at a time", f"leave out -m, type {key}=RUN", given)
        )
    run = RunFolder(Path(given).expanduser().absolute())
    saved = _saved(key, given, run)
    plain = resolved(OmegaConf.create(dict(saved.settings)))[0]
    changes = changing(rest, plain, run.path, typed, conf)
    if obstacles := _obstacles(key, given, run, saved, changes, [split(word)[0] for word in rest], conf):
        raise RequestError(obstacles)
    again = [word for word in rest if word not in changes and split(word)[0] in saved.outside(conf)]
    place = QuotedString(str(run.path), Quote.single).with_quotes()
    logging = "lab" if key == "resume" else "terminal"
    shown = [] if typed.cfg is None else ["--cfg", typed.cfg]
    return [
        argv[0], *shown, "--config-path", str(saved.composable()), "--config-name", "config", "--config-dir", str(conf),
        "hydra/callbacks=claim", f"hydra/job_logging={logging}", f"hydra.run.dir={place}", "hydra.output_subdir=null",
        f"++{key}={place}", f"++{'test' if key == 'resume' else 'resume'}=null", *again,
        *(_added(word, plain) for word in changes),
    ]  # fmt: skip


def _added(word: str, saved: Mapping[str, object]) -> str:
    """The override as Hydra takes it: a key that a later version added is not in the config of an older run."""
    key, _ = split(word)
    return word if word[0] in "+~" or is_there(saved, key) or field_of(key) is None else f"++{word}"


def _requested(overrides: Sequence[str]) -> dict[str, str]:
    return {key: value for key, value in map(split, overrides) if key in ("resume", "test") and value != "null"}


def _saved(key: str, given: str, run: RunFolder) -> SavedConfig:
    """Return the run's config.yaml. Raises RequestError for a folder that is no run."""
    mistake: Mistake
    remedy = f"leave out {key}, or {key}=RUN (a folder below outputs/)"
    if given.lower() in ("true", "false"):
        problem = "is the folder of a run; every run is tested at its end"
        raise RequestError(Mistake(key, problem, remedy, given))
    if (reason := unusable(given)) is not None:
        raise RequestError(Mistake(key, reason, remedy, given))
    if not run.path.is_dir():
        mistake = Mistake(key, "there is no such folder", remedy, given)
    elif not run.config.exists():
        mistake = Mistake(key, "is not a run folder: it has no config.yaml", remedy, given)
    else:
        try:
            return read_saved(run.config)
        except (OSError, Unreadable) as error:
            mistake = Mistake(key, f"cannot be read: {error}", f"{key}=ANOTHER_RUN", given)
    raise RequestError(mistake)


def _obstacles(
    key: str, given: str, run: RunFolder, saved: SavedConfig, changes: Sequence[str], typed: Sequence[str], conf: Path
) -> list[Mistake]:
    """Return the reasons why a run cannot be resumed or tested; none if it can.

    changes: overrides that differ from the run's config; typed: keys of all overrides.
    """
    checkpoint = run.last if key == "resume" else run.final
    if not checkpoint.exists():
        problem = f"has no {checkpoint.relative_to(run.path)}: it was interrupted before its first checkpoint"
        remedy = quoted("resume", given) if key == "test" and run.last.exists() else _own_command(run)
        return [Mistake(key, problem, remedy, given)]
    if damage := list(_damage(run, checkpoint)):
        return [Mistake(key, problem, f"{key}=ANOTHER_RUN", given) for problem in damage]
    record, outside = run.read(), saved.outside(conf)
    fixed = [
        Mistake(name, f"{_present_name(name)}cannot change when a run is {DONE[key]}",
                f"leave out {name}, or start a new run", value)
        for name, value in map(split, changes)
        if not has_role(renamed(name.lstrip("+~")), Role.CHANGEABLE) and name not in outside
    ]  # fmt: skip
    fixed += [
        Mistake(name, f"a run is {DONE[key]} in its own folder", f"leave out {name}", value)
        for name, value in map(split, changes)
        if name.lstrip("+~") in OWN
    ]
    fixed += links_out(run.path, key)
    fixed += saved.mistakes(conf, typed, resumed=key == "resume")
    if fixed or key == "test":
        return fixed
    if record.get("pending"):  # the test is repeated, and the work that remained after it is done
        return []
    return _nothing_left(given, record.get("status"), flattened(saved.settings), dict(map(split, changes)))


def _own_command(run: RunFolder) -> str:
    """The line that starts the run again, in a new folder."""
    try:
        command = run.read().get("command")
    except (OSError, Unreadable):  # killed before its record, or damaged
        command = None
    return str(command) if command else "the same command again, in a new folder"


def _present_name(name: str) -> str:
    key = name.lstrip("+~")
    return "" if renamed(key) == key else f"is called {renamed(key)}, and "


def _damage(run: RunFolder, checkpoint: Path) -> Iterator[str]:
    """Yield every problem of reading a run's record and checkpoint."""
    for read in (partial(_whole_record, run), partial(regular, checkpoint)):
        try:
            read()
        except FileNotFoundError:
            yield "has no run.json, which describes the run"
        except (Unreadable, OSError) as error:
            yield f"cannot be read: {error}"


def _whole_record(run: RunFolder) -> None:
    """Raise Unreadable for a record that lacks what resuming or testing needs."""
    record = run.read()
    if wrong := list(REQUESTED("requested", record.get("requested"))):
        raise Unreadable(run.path / "run.json", "; ".join(wrong))


def _nothing_left(
    given: str, status: str | None, saved: Mapping[str, object], typed: Mapping[str, str]
) -> list[Mistake]:
    """The mistake of a completed run, which is resumed only where what ended it was changed."""
    if status == "completed" and any(saved.get(key) == value for key, value in IN_CLOSED_FORM):
        problem = "this run is complete: its model is solved in one pass, so there is nothing to continue"
        return [Mistake("resume", problem, quoted("test", given), given)]
    limits = [name for name in LIMITS if saved.get(name) is not None] or ["trainer.max_epochs"]
    more = any(
        limit in typed and (_number(typed[limit]) > _number(saved.get(limit)) or limit == "trainer.max_time")
        for limit in limits
    )
    if status == "completed" and not more:
        longer = " ".join(f"{limit}={_longer(limit, saved.get(limit, 1))}" for limit in limits)
        remedy = f"{quoted('resume', given)} {longer}, or {quoted('test', given)}"
        spent = listed([f"{limit}={saved.get(limit)}" for limit in limits])
        first = (
            f"{int(_number(saved.get('trainer.max_epochs', 1)))} epochs" if limits == ["trainer.max_epochs"] else spent
        )
        return [Mistake("resume", f"this run is complete after {first}", remedy, given)]
    if status == "early_stopped" and not any(name.startswith("callbacks.early_stopping.") for name in typed):
        remedy = f"{quoted('resume', given)} callbacks.early_stopping.patience=null, or {quoted('test', given)}"
        return [Mistake("resume", "this run stopped early by its own rule and is complete", remedy, given)]
    return []


def _longer(limit: str, value: object) -> object:
    """A larger value of a limit, to be typed."""
    return "null" if limit == "trainer.max_time" else 2 * int(_number(value))


def _number(text: object) -> float:
    """Return a limit as a number; null is infinite."""
    try:
        return float("inf") if text in (None, "null", "-1") else float(str(text))
    except ValueError:
        return 0.0
