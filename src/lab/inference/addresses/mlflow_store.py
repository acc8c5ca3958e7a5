"""Models of MLflow: registered versions (`models:/`) and artifacts of runs (`runs:/`).

The store is MLFLOW_TRACKING_URI, else the file `mlflow.db` of the working folder, as the logger's default.
"""

import os
import re
from pathlib import Path

from lab.core.errors import Mistake, RequestError

DEFAULT_FILE = "mlflow.db"
"""The default store of conf/logger/mlflow.yaml, in the working folder."""
LATEST = "latest"
_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[^/@]+))/?")


def fetch(address: str, target: Path) -> None:
    """Copy the files of an address into a folder. Raises OSError in MLflow's words, ImportError without MLflow."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.exceptions import MlflowException

    store, registry = _stores()
    try:
        mlflow.artifacts.download_artifacts(
            artifact_uri=address.rstrip("/"), dst_path=str(target), tracking_uri=store, registry_uri=registry
        )
    except MlflowException as error:
        raise OSError(str(error)) from error


def version(address: str) -> str:
    """Return the version that an address names now; the address itself where it always names the same files.

    Raises RequestError for an address that names no version, OSError in MLflow's words, ImportError without MLflow.
    """
    match = _MODEL.fullmatch(address)
    if match is None or (match["version"] is not None and match["version"].isdigit()):
        return address  # an artifact of a run, or a version by its number or by MLflow's own id
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(*_stores())
    try:
        if match["alias"] is not None:
            return str(client.get_model_version_by_alias(match["name"], match["alias"]).version)
        versions = [int(each.version) for each in client.search_model_versions(f"name='{match['name']}'")]
    except MlflowException as error:
        raise OSError(str(error)) from error
    if match["version"] != LATEST or not versions:
        problem = "names no version: write a number, @ALIAS or latest" if versions else "there is no such model"
        raise RequestError(Mistake("run", problem, f"run=models:/{match['name']}/{LATEST}", address))
    return str(max(versions))


def _stores() -> tuple[str, str]:
    """Tracking store and registry. Raises OSError for a file that is not there, which MLflow would create empty."""
    store = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path(DEFAULT_FILE).absolute()}"
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).is_file():
        raise FileNotFoundError(f"there is no store {store}; MLFLOW_TRACKING_URI names another")
    return store, os.environ.get("MLFLOW_REGISTRY_URI") or store
