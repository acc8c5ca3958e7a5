"""Claims the folder of a run before anything is written into it, so that no run is overwritten silently.

Hydra creates its folder with `exist_ok`, so two runs of the same second would share one. This callback makes it first:
if the folder exists, a name made from the clock gets a number as suffix, and a name that a person typed is refused.
Hydra turns exceptions of callbacks into warnings, so SystemExit is raised.
"""

import itertools
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from lab.core.errors import EXIT_FAILED, EXIT_REQUEST, Mistake, RequestError, in_a_block
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.display import complain

JOB_MARKS = ("hydra.job.num", "hydra.job.id", "hydra:job.num", "hydra:job.id")
"""Texts in a folder's template that distinguish the jobs of a multirun, besides the overrides."""
STUDIES = "lab.sweep.plugin.LabSweeper"
"""The sweeper that resumes in a folder that exists; it ensures itself that nothing is overwritten."""


class ClaimFolder(Callback):
    """Hydra callback; exits with code 2 and a message if a folder cannot be claimed."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        if config.get("resume") is None and config.get("test") is None:
            with _exit_when_refused():
                HydraConfig.instance().set_config(config)
                _claim(config.hydra.run, "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with _exit_when_refused():
            template = _raw(config.hydra.sweep, "subdir")
            if not tells_jobs_apart(template, config.hydra.job.config.override_dirname.exclude_keys):
                problem = (
                    "must contain the job's number or its overrides, or the jobs of the multirun would share one folder"
                )
                raise RequestError(
                    Mistake("hydra.sweep.subdir", problem, "'hydra.sweep.subdir=${hydra.job.num}'", template)
                )
            if config.hydra.sweeper._target_ != STUDIES:
                _claim(config.hydra.sweep, "hydra.sweep.dir")


def tells_jobs_apart(template: str, excluded: Iterable[str]) -> bool:
    """Return whether each job gets its own folder from the template: by its number, or by all of its overrides.

    excluded: keys that `hydra.job.override_dirname` leaves out, which the template must then name itself.
    """
    if any(mark in template for mark in JOB_MARKS):
        return True
    return "job.override_dirname" in template and all(f"${{{key}}}" in template for key in excluded)


def claimed(folder: Path, clock: bool, key: str) -> Path:
    """Make `folder` and return it; with `clock`, make `folder-2`, `folder-3` ... if it exists.

    Raises RequestError if it exists, cannot be made, or cannot be written to.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        path, number = folder, 1
        while not _made(path):
            if not clock:
                problem = "exists already, and a run never overwrites another"
                raise RequestError(Mistake(key, problem, _ways_out(key, path), path))
            number += 1
            path = folder.with_name(f"{folder.name}-{number}")
        _probe(path)
    except OSError as error:
        problem = f"cannot be made and written to: {error.strerror}"
        raise RequestError(Mistake(key, problem, f"{key}=FOLDER_WITH_ROOM", folder)) from error
    return path


def _ways_out(key: str, taken: Path) -> str:
    """A folder that is free, and the line that continues the run in the taken one if it can be continued."""
    beside = taken if taken.name not in ("", "..") else taken.resolve()
    name = beside.name or "run"  # the root of the file system has no name
    free = next(path for n in itertools.count(2) if not (path := beside.parent / f"{name}-{n}").exists())
    other = quoted(key, free)
    can_be_resumed = RunFolder(taken).last.is_file()
    return f"{other}, or {quoted('resume', taken)} to continue the run in it" if can_be_resumed else other


def _made(path: Path) -> bool:
    """Make the folder in one step, so that only one of two processes can; False where it exists."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def _claim(node: DictConfig, key: str) -> None:
    path = claimed(Path(str(node.dir)), clock="${now:" in _raw(node, "dir"), key=key)
    with read_write(node):
        node.dir = str(path)


def _raw(node: DictConfig, name: str) -> str:
    """Return the value as written, interpolations unresolved."""
    written = OmegaConf.to_container(node, resolve=False)
    assert isinstance(written, dict)
    return str(written[name])


def _probe(folder: Path) -> None:
    """Write a file and remove it: on a full disk folders can be made, files cannot. Raises OSError."""
    file = folder / ".probe"
    try:
        file.write_bytes(b"\0" * 4096)
        file.unlink()
    except OSError:
        file.unlink(missing_ok=True)
        folder.rmdir()
        raise


@contextmanager
def _exit_when_refused() -> Iterator[None]:
    """Exit on any error: Hydra would only warn, and a run without its own folder could overwrite another run."""
    try:
        yield
    except RequestError as error:
        complain(in_a_block(error.mistakes))
        raise SystemExit(EXIT_REQUEST) from error
    except Exception as error:  # Hydra would turn it into a warning and continue
        complain(traceback.format_exc())
        raise SystemExit(EXIT_FAILED) from error
