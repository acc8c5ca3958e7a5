"""Claim the folder of a run before anything is written into it, so that no run is overwritten silently.

Hydra creates its folder with `exist_ok`, and two runs of the same second share one. This callback makes it first: a
name made from the clock gets a number behind it when it is taken, a name that was given is refused. Hydra turns the
exceptions of callbacks into warnings, hence SystemExit.
"""

import sys
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from lab.errors import EXIT_REQUEST, Mistake, RequestError, in_a_block

JOB_MARKS = ("hydra.job.num", "hydra.job.id", "hydra:job.num", "hydra:job.id")
"""What keeps the folders of a multirun's jobs apart."""


class ClaimFolder(Callback):
    """Hydra callback; exits with code 2 and a message where a folder cannot be had."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        HydraConfig.instance().set_config(config)
        if config.get("resume") is not None or config.get("test") is not None:
            return
        _claim(config, "run", "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        template = str(OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"])  # type: ignore[index,call-overload]
        if not any(mark in template for mark in JOB_MARKS):
            problem = "must hold the job's number, or all jobs of the multirun share one folder"
            _refuse(Mistake("hydra.sweep.subdir", problem, "'hydra.sweep.subdir=${hydra.job.num}'", template))
        _claim(config, "sweep", "hydra.sweep.dir")


def claimed(folder: Path, clock: bool, key: str) -> Path:
    """Make `folder`, which must not exist, and return it; with `clock`, `folder-2`, `folder-3` ... where it is taken.

    Raises RequestError when it exists, cannot be made, or cannot be written to.
    """
    number = 1
    while True:
        path = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            _probe(path)
        except FileExistsError as error:
            if not clock:
                problem = "exists already, and a run never overwrites another"
                raise RequestError(Mistake(key, problem, f"another {key}, or resume={path}", path)) from error
            number += 1
        except OSError as error:
            problem = f"cannot be written to: {error.strerror}"
            raise RequestError(Mistake(key, problem, f"{key}=FOLDER_WITH_ROOM", path)) from error
        else:
            return path


def _claim(config: DictConfig, node: str, key: str) -> None:
    template = OmegaConf.to_container(config.hydra[node], resolve=False)
    assert isinstance(template, dict)
    try:
        path = claimed(Path(str(config.hydra[node].dir)), clock="${now:" in str(template["dir"]), key=key)
    except RequestError as error:
        _refuse(*error.mistakes)
    with read_write(config), open_dict(config):
        config.hydra[node].dir = str(path)


def _probe(folder: Path) -> None:
    """Whether a file can be written: a full disk makes folders gladly."""
    file = folder / ".probe"
    try:
        file.write_bytes(b"\0" * 4096)
        file.unlink()
    except OSError:
        file.unlink(missing_ok=True)
        folder.rmdir()
        raise


def _refuse(*mistakes: Mistake) -> NoReturn:
    print(in_a_block(mistakes), file=sys.stderr)
    raise SystemExit(EXIT_REQUEST)
