"""Starting a run in Weights & Biases: its mode, its id, and cleaning up after an attempt that failed.

wandb makes a run's folder before it contacts the server, and cannot start a second run under the id of one that got no
answer. So the server is contacted first; where it does not answer, mode `auto` stays offline.
"""

import logging
import netrc
import os
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from lab.core.masking import masked_arguments
from lab.core.record.fields import is_validation
from lab.core.record.tracking_ids import recall, remember

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)
Mode = Literal["online", "offline", "disabled"]
TITLE = "wandb"
PROBE_LIMIT_S, START_LIMIT_S, FINISH_LIMIT_S = 4.0, 10.0, 10.0
"""How long a server may take to answer at all, to start a run, and to receive the remaining data at its end."""


def resolve_mode(requested: str, environment: Mapping[str, str], has_key: bool) -> Mode:
    """Return the mode of a run: for `auto`, WANDB_MODE if it is set, else online with a key and offline without."""
    if requested == "auto":
        requested = environment.get("WANDB_MODE") or ("online" if has_key else "offline")
    modes: dict[str, Mode] = {"online": "online", "disabled": "disabled"}
    return modes.get(requested, "offline")  # wandb's older words for offline, such as dryrun, included


def is_key_set(environment: Mapping[str, str]) -> bool:
    """Return True if WANDB_API_KEY or the netrc file holds a key; WANDB_BASE_URL names the server of the latter."""
    if environment.get("WANDB_API_KEY"):
        return True
    host = urlsplit(environment.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    named = environment.get("NETRC")
    paths = [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]
    return any(_has_login(path, host) for path in paths if path.is_file())


def _has_login(path: Path, host: str) -> bool:
    try:
        return netrc.netrc(str(path)).authenticators(host) is not None
    except netrc.NetrcParseError as error:
        log.warning("%s cannot be read as a netrc file (%s): no key for wandb is taken from it", path, error)
        return False


def start_run(folder: Path, mode_requested: str, uploads_model: bool = False, **init: Any) -> tuple["Run", Mode]:
    """Start a run whose id is kept in `folder`, so that a resumed run continues under it. Raises wandb's errors.

    mode_requested: auto, online, offline or disabled; uploads_model: the end waits for the upload without a limit;
    init: arguments of wandb.init.
    """
    _import_on_short_stack("wandb.apis.public")
    import wandb
    from wandb.errors import CommError

    mode = resolve_mode(mode_requested, os.environ, is_key_set(os.environ))
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
                **init, dir=str(folder), id=identity, resume=resume, mode=mode, reinit="create_new", settings=limits
            )

    before = set(_folders(folder))
    try:
        if mode == "online" and not answers(str(wandb.setup().settings.base_url)):
            raise CommError(f"{wandb.setup().settings.base_url} does not answer")
        run = start()
    except CommError as error:
        for partial in set(_folders(folder)) - before:
            shutil.rmtree(partial, ignore_errors=True)
        if mode_requested != "auto":
            raise
        log.warning("wandb: the server cannot be reached, this run is kept offline (%s)", error)
        mode = "offline"
        run = start()
    remember(folder, TITLE, run.id)
    return run, mode


def _import_on_short_stack(name: str) -> None:
    """Import a module in a thread of its own, where few functions are open.

    The classes of wandb read their docstrings from their source, for which pydantic looks at every module of the
    process, some 70 times. CPython keeps the frames of open functions in pieces of 16 KiB. Where such a loop starts at
    the end of a piece, each call maps a new piece and gives it back: in a run of train.py 3.7 s instead of .3 s.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(import_module, name).result()


def answers(address: str) -> bool:
    """Return True if the server answers at all."""
    try:
        urllib.request.urlopen(address, timeout=PROBE_LIMIT_S).close()  # an address of wandb's own settings
    except urllib.error.HTTPError as error:
        error.close()
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # wandb may trust the certificate
    except OSError:
        return False
    return True


def segments(folder: Path, identity: str) -> list[Path]:
    """Return the folders of the offline parts of a run, oldest first: each start of a resumed run makes one."""
    return [path for path in _folders(folder, identity) if path.name.startswith("offline-")]


def stored_steps(folder: Path, identity: str, newest: Path) -> set[int]:
    """Return the optimizer steps whose validations are in the local files of a run, without its newest part.

    A kill loses the last rows, since wandb's service writes at its own pace.
    """
    from lab.core.wandb_file import read_offline

    steps: set[int] = set()
    for place in _folders(folder, identity):
        file = place / f"run-{identity}.wandb"
        if place.resolve() == newest.resolve() or not file.is_file():
            continue
        try:
            steps |= {int(row["_step"]) for row in read_offline(file).rows if "_step" in row and is_validation(row)}
        except ValueError as error:
            log.warning("wandb: %s cannot be read (%s): its rows are logged again", file, error)
    return steps


def _folders(folder: Path, identity: str = "*") -> list[Path]:
    paths = (path for path in folder.glob(f"wandb/*run-*-{identity}") if path.is_dir() and not path.is_symlink())
    return sorted(paths, key=lambda path: path.name.partition("run-")[2])
