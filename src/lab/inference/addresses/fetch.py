"""What an address of `run=` means, and the folder that it is fetched into.

`models:/NAME/VERSION`, `models:/NAME@ALIAS` and `runs:/RUN_ID[/PATH]` are MLflow's own addresses; the store is that of
MLFLOW_TRACKING_URI, else the file `mlflow.db`, as the logger's default. `wandb:ENTITY/PROJECT/NAME:VERSION` is an
artifact of W&B. What is fetched is a stranger's folder: symbolic links in it are refused.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from lab.cli.optional_packages import not_installed
from lab.core.errors import Mistake, RequestError
from lab.inference.addresses import mlflow_store, wandb_store

SCHEMES: Mapping[str, tuple[str, ModuleType]] = {
    "models:/": ("mlflow", mlflow_store),
    "runs:/": ("mlflow", mlflow_store),
    "wandb:": ("wandb", wandb_store),
}
"""By the beginning of an address: the package that it needs, and the module with its `fetch` and `version`."""


def is_address(typed: str) -> bool:
    """Return whether `run=` names a model of a registry and not a folder.

    >>> is_address("models:/notices/3"), is_address("outputs/models")
    (True, False)
    """
    return typed.startswith(tuple(SCHEMES))


def fetched(address: str) -> Path:
    """Return the run folder that an address means; it is removed by `discard`, and at the end of the process.

    Raises RequestError where it cannot be fetched or is no run.
    """
    target = Path(tempfile.mkdtemp(prefix="lab-model-"))
    _fetched.add(target)
    try:
        with _store(address, "cannot be fetched") as store:
            store.fetch(address, target)
        return _run_in(target, address)
    except BaseException:
        discard(target)
        raise


def discard(folder: Path) -> None:
    """Remove a run folder if `fetched` returned it; another folder stays. A model that is loaded does not need it."""
    for target in [each for each in _fetched if folder.is_relative_to(each) or folder.is_relative_to(each.resolve())]:
        _fetched.discard(target)
        shutil.rmtree(target, ignore_errors=True)


def _discard_all() -> None:
    for target in list(_fetched):
        discard(target)


_fetched: set[Path] = set()
"""Temporary folders of this process."""
atexit.register(_discard_all)


def version_of(address: str) -> str:
    """Return the version that an address names now, without fetching its files. Raises RequestError as `fetched`."""
    with _store(address, "its registry does not name a version") as store:
        named: str = store.version(address)
    return named


@contextmanager
def _store(address: str, failure: str) -> Iterator[ModuleType]:
    """The module of an address; errors in the block are mistakes of `run=`."""
    package, store = next(found for scheme, found in SCHEMES.items() if address.startswith(scheme))
    try:
        yield store
    except ImportError as error:
        raise RequestError(not_installed("run", package, value=address)) from error
    except OSError as error:
        problem = " ".join(str(error).split())[:300]
        raise RequestError(Mistake("run", f"{failure}: {problem}", "run=RUN_FOLDER", address)) from error


def _run_in(folder: Path, address: str) -> Path:
    if links := [path for path in folder.rglob("*") if path.is_symlink()]:
        problem = f"contains a symbolic link, {links[0].relative_to(folder)}, which no model needs"
        raise RequestError(Mistake("run", problem, "run=RUN_FOLDER", address))
    found = sorted(path.parent for path in folder.rglob("spec.json"))
    if len(found) != 1 or not (found[0] / "config.yaml").is_file():
        problem = f"is no model of lab: it has {len(found)} files spec.json, and a config.yaml beside one is needed"
        remedy = "a model that report.py register=mlflow or logger.mlflow.log_checkpoint=true wrote"
        raise RequestError(Mistake("run", problem, remedy, address))
    return found[0]
