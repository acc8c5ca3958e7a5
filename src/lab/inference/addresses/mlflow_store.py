"""Models of MLflow: registered versions (`models:/`) and artifacts of runs (`runs:/`)."""

import os
from pathlib import Path

DEFAULT_FILE = "mlflow.db"
"""The default store of conf/logger/mlflow.yaml, in the working folder."""


def fetch(address: str, target: Path) -> None:
    """Copy the files of an address into a folder. Raises OSError in MLflow's words, ImportError without MLflow."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.exceptions import MlflowException

    store = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path(DEFAULT_FILE).absolute()}"
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).is_file():
        raise FileNotFoundError(f"there is no store {store}; MLFLOW_TRACKING_URI names another")
    registry = os.environ.get("MLFLOW_REGISTRY_URI") or store
    try:
        mlflow.artifacts.download_artifacts(
            artifact_uri=address.rstrip("/"), dst_path=str(target), tracking_uri=store, registry_uri=registry
        )
    except MlflowException as error:
        raise OSError(str(error)) from error
