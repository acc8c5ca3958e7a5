"""Starts a run in Weights & Biases: its mode, its id, and nothing left of an attempt that failed.

wandb makes a run's folder before it asks the server, and cannot start another run under the id of one that got no
answer. So the server is asked first whether it is there at all; `auto` stays offline where it is not.
"""

import logging
import os
import shutil
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab.core.masking import masked_arguments
from lab.core.record.tracking_ids import recall, remember
from lab.loggers.wandb_mode import Mode, has_key, resolve_mode

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)
TITLE = "wandb"
PROBE_LIMIT_S, START_LIMIT_S, FINISH_LIMIT_S = 4.0, 10.0, 10.0
"""How long a server may take to answer at all, to start a run, and to take what is left at its end."""


def start_run(folder: Path, asked: str, uploads_model: bool = False, **described: Any) -> tuple["Run", Mode]:
    """A run of its own id, which `folder` keeps: a resumed one goes on under it. Raises wandb's errors.

    asked: auto, online, offline or disabled. uploads_model: its end waits for the upload, however long that takes.
    """
    import wandb
    from wandb.errors import CommError

    mode = resolve_mode(asked, os.environ, has_key(os.environ))
    identity = recall(folder, TITLE)
    limits = wandb.Settings(
        silent=True,
        console="off",
        disable_job_creation=True,
        save_code=False,
        init_timeout=START_LIMIT_S,
        finish_timeout=0.0 if uploads_model else FINISH_LIMIT_S,
        finish_timeout_raises=True,
    )

    def start() -> "Run":
        resume: Literal["allow"] | None = "allow" if identity and mode == "online" else None
        with masked_arguments():
            return wandb.init(
                **described,
                dir=str(folder),
                id=identity,
                resume=resume,
                mode=mode,
                reinit="create_new",
                settings=limits,
            )

    before = set(_folders(folder))
    try:
        if mode == "online" and not answers(str(wandb.setup().settings.base_url)):
            raise CommError(f"{wandb.setup().settings.base_url} does not answer")
        run = start()
    except CommError as error:
        for left in set(_folders(folder)) - before:
            shutil.rmtree(left, ignore_errors=True)
        if asked != "auto":
            raise
        log.warning("wandb: the server cannot be reached, this run is kept offline (%s)", error)
        mode = "offline"
        run = start()
    remember(folder, TITLE, run.id)
    return run, mode


def answers(address: str) -> bool:
    """Whether a server says anything at all."""
    try:
        urllib.request.urlopen(address, timeout=PROBE_LIMIT_S).close()  # an address of wandb's own settings
    except urllib.error.HTTPError as error:
        error.close()
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # wandb may trust it all the same
    except OSError:
        return False
    return True


def segments(folder: Path, identity: str) -> list[Path]:
    """Folders of the offline parts of a run in the order they were begun: each start of a resumed run makes one."""
    return [path for path in _folders(folder, identity) if path.name.startswith("offline-")]


def stored_steps(folder: Path, identity: str, but: Path) -> set[int]:
    """Optimizer steps whose rows are in the local files of a run, those of `but` (its newest part) left out.

    wandb's service writes in its own rhythm, so that a kill takes the last ones.
    """
    from lab.core.wandb_file import read_offline

    steps: set[int] = set()
    for place in _folders(folder, identity):
        file = place / f"run-{identity}.wandb"
        if place.resolve() == but.resolve() or not file.is_file():
            continue
        try:
            steps |= {int(row["_step"]) for row in read_offline(file).rows if "_step" in row}
        except ValueError as error:
            log.warning("wandb: %s cannot be read (%s): its rows are logged again", file, error)
    return steps


def _folders(folder: Path, identity: str = "*") -> list[Path]:
    found = (path for path in folder.glob(f"wandb/*run-*-{identity}") if path.is_dir() and not path.is_symlink())
    return sorted(found, key=lambda path: path.name.partition("run-")[2])
