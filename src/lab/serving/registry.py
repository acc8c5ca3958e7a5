"""The version that an address of a model registry names now, without fetching its files.

`models:/NAME@ALIAS`, `models:/NAME/latest` and `models:/NAME/VERSION` are of MLflow, in the store MLFLOW_TRACKING_URI;
`wandb:ENTITY/PROJECT/NAME:VERSION` is an artifact of W&B. The files of `runs:/RUN_ID` do not change.
"""

import os
import re

from lab.cli.optional_packages import not_installed
from lab.core.errors import Mistake, RequestError

DEFAULT_STORE = "sqlite:///mlflow.db"
"""The default store of conf/logger/mlflow.yaml."""
_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[^/@]+))/?")
LATEST = "latest"


def registered_version(run: str) -> str | None:
    """Return the version that an address names now; None for a folder. Raises RequestError if the registry fails."""
    if run.startswith("models:/"):
        return _of_mlflow(run)
    if run.startswith("wandb:"):
        return _of_wandb(run)
    return "" if run.startswith("runs:/") else None


def _of_mlflow(address: str) -> str:
    match = _MODEL.fullmatch(address)
    if match is None or (match["version"] is not None and match["version"].isdigit()):
        return address  # a version by its number or by MLflow's own id is always the same
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise RequestError(not_installed("run", "mlflow", value=address)) from error
    store = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
    client = MlflowClient(store, os.environ.get("MLFLOW_REGISTRY_URI") or store)
    try:
        if match["alias"] is not None:
            return str(client.get_model_version_by_alias(match["name"], match["alias"]).version)
        versions = [int(each.version) for each in client.search_model_versions(f"name='{match['name']}'")]
    except MlflowException as error:
        raise _unanswered(address, error) from error
    if match["version"] != LATEST or not versions:
        problem = "names no version: write a number, @ALIAS or latest" if versions else "there is no such model"
        raise RequestError(Mistake("run", problem, f"run=models:/{match['name']}/{LATEST}", address))
    return str(max(versions))


def _of_wandb(address: str) -> str:
    try:
        import wandb
    except ImportError as error:
        raise RequestError(not_installed("run", "wandb", value=address)) from error
    try:
        return str(wandb.Api().artifact(address.removeprefix("wandb:")).version)
    except (wandb.Error, ValueError, OSError) as error:
        raise _unanswered(address, error) from error


def _unanswered(address: str, error: Exception) -> RequestError:
    words = " ".join(str(error).split())[:300]
    return RequestError(Mistake("run", f"its registry does not name a version: {words}", value=address))
