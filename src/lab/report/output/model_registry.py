"""Registers the winner's checkpoint with its config, record, data fingerprint, scores and model card.

MLflow: a new version of a registered model, with its files in the training run if the store has that run, else in a new
run. W&B: an artifact of type `model`, offline unless an API key is set. Nothing is ever replaced.
"""

import os
import shutil
import tempfile
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.dotted_keys import flattened
from lab.config.schema.report import ReportRequest
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.record.model_files import model_files
from lab.core.record.run_folder import RunFolder
from lab.core.record.tracking_ids import UniqueNames, recall
from lab.report.findings import Report
from lab.report.output.model_card import card

if TYPE_CHECKING:
    from mlflow import MlflowClient

MAX_VALUE_LENGTH, PARAMETERS_PER_CALL = 6000, 100
"""Limits of mlflow.utils.validation."""


def refuse_early(request: ReportRequest, run: RunFolder | None) -> None:
    """Raises RequestError if the winner `run` cannot be registered; None: there is no winner."""
    where, mistakes = str(request.register_in), []
    mistakes += [not_installed("register", name, value=where) for name in missing_packages(f"register={where}")]
    if request.source != "lab" or run is None:
        problem = "needs a winner that is a run folder" if request.source == "lab" else "needs run folders"
        mistakes.append(Mistake("register", problem, "source=lab, and a run that ended well", where))
    elif not run.best.is_file() or not run.config.is_file():
        problem = f"the winner {run.path} has no checkpoints/best.ckpt and config.yaml"
        mistakes.append(Mistake("register", problem, "train it again, then report on it", where))
    if mistakes:
        raise RequestError(mistakes)


def register(report: Report, request: ReportRequest, run: RunFolder) -> str:
    """Register the winner; return a line that says where. Raises RunError with the service's error."""
    record = run.read()
    config = run.read_config()
    name = request.registry.name or str(config.get("experiment_name") or "lab")
    with tempfile.TemporaryDirectory(prefix="lab-model-") as scratch:
        folder = Path(scratch) / "model"
        _collect(run, folder, card(report, record, request.lang))
        put = _into_mlflow if request.register_in == "mlflow" else _into_wandb
        try:
            return put(request, name, folder, record, config, recall(run.path, "mlflow"))
        except Exception as error:
            first = (str(error).splitlines() or [""])[0]
            raise RunError(
                f"{request.register_in} could not register {run.path}: {type(error).__name__}: {first}"
            ) from error


def _collect(run: RunFolder, folder: Path, text: str) -> None:
    """Copy everything that is necessary to use a checkpoint into one folder, which is read like a run folder."""
    folder.mkdir()
    for file in model_files(run):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(run.path / file, folder / file)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _tags(record: dict[str, Any]) -> dict[str, str]:
    objective, data = record["objective"], record.get("data") or {}
    tags = {
        "data": data.get("name"),
        "data_fingerprint": data.get("fingerprint"),
        "objective": objective["metric"],
        "git_commit": record.get("git_commit"),
    }
    return {key: str(value) for key, value in tags.items() if value is not None}


def _metrics(record: dict[str, Any]) -> dict[str, float]:
    test = (record.get("metrics") or {}).get("test") or {}
    scores = {f"test/{name}": value for name, value in test.items() if value is not None}
    return scores | {record["objective"]["metric"]: record["objective"]["value"]}


def _into_mlflow(
    request: ReportRequest,
    name: str,
    folder: Path,
    record: dict[str, Any],
    config: dict[str, Any],
    trained_as: str | None,
) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = request.tracking.mlflow_uri
    client = mlflow.MlflowClient(uri, registry_uri=uri)
    if trained_as is not None and _has_run(client, trained_as):
        run_id = trained_as
    else:
        experiment = request.tracking.experiment or name
        run_id = _new_run(client, experiment, f"register {config.get('run_name') or name}", record, config)
    place = _free_artifact_path(client, run_id)
    client.log_artifacts(run_id, str(folder), place)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    text = (folder / "README.md").read_text(encoding="utf-8")
    source = f"{client.get_run(run_id).info.artifact_uri}/{place}"
    version = client.create_model_version(name, source, run_id, tags=_tags(record), description=text)
    return f"mlflow: {name} version {version.version} ({uri})"


def _has_run(client: "MlflowClient", run_id: str) -> bool:
    """Return True if the client's store has the run and it is not deleted."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def _new_run(
    client: "MlflowClient", experiment: str, title: str, record: dict[str, Any], config: dict[str, Any]
) -> str:
    """Return the id of a new, finished run with the training run's parameters and scores."""
    from mlflow.entities import Metric, Param

    existing = client.get_experiment_by_name(experiment)
    identity = existing.experiment_id if existing else client.create_experiment(experiment)
    run_id = str(client.create_run(identity, run_name=title, tags=_tags(record)).info.run_id)
    settings, scores = flattened(config), _metrics(record)
    names = UniqueNames().of(settings)
    values = [Param(names[key], str(value)[:MAX_VALUE_LENGTH]) for key, value in settings.items()]
    for start in range(0, len(values), PARAMETERS_PER_CALL):
        client.log_batch(run_id, params=values[start : start + PARAMETERS_PER_CALL])
    names = UniqueNames().of(scores)
    client.log_batch(run_id, metrics=[Metric(names[key], value, 0, 0) for key, value in scores.items()])
    client.set_terminated(run_id)
    return run_id


def _free_artifact_path(client: "MlflowClient", run_id: str) -> str:
    """Return `model`, or `model-2` and so on, so that earlier versions keep their files."""
    taken = {file.path for file in client.list_artifacts(run_id)}
    places = chain(["model"], (f"model-{number}" for number in count(2)))
    return next(place for place in places if place not in taken)


def _into_wandb(
    request: ReportRequest,
    name: str,
    folder: Path,
    record: dict[str, Any],
    config: dict[str, Any],
    _trained_as: str | None,
) -> str:
    import wandb

    mode: Literal["online", "offline"] = "online" if os.environ.get("WANDB_API_KEY") else "offline"
    mode = "offline" if os.environ.get("WANDB_MODE") == "offline" else mode
    settings = wandb.Settings(console="off", silent=True)
    place = Path(request.output)
    with wandb.init(
        project=request.registry.project, job_type="register", dir=place, mode=mode, config=config, settings=settings
    ) as run:
        run.summary.update(_metrics(record))
        artifact = wandb.Artifact(name, type="model", metadata={**_tags(record), **_metrics(record), "config": config})
        artifact.add_dir(str(folder))
        run.log_artifact(artifact, aliases=["best"])
        run_folder = Path(run.dir).parent
    return f"wandb: artifact {name} in {run_folder if mode == 'offline' else request.registry.project}"
