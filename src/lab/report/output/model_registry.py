"""The winner's checkpoint in a model registry, with its config, record, data fingerprint, scores and model card.

MLflow: the training run, where it is in the same store, else a run of its own, with everything as artifacts, and a
version of a registered model that belongs to it. W&B: an artifact of
type `model`, offline unless an API key is set. Each registration is a new version; nothing is replaced.
"""

import os
import shutil
import tempfile
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab.config.dotted_keys import flattened
from lab.config.schema.report import Reported
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.record.run_folder import RunFolder
from lab.core.record.tracking_ids import UniqueNames, recall
from lab.report.findings import Report
from lab.report.output.model_card import card
from lab.report.sources.select import EXTRAS

if TYPE_CHECKING:
    from mlflow import MlflowClient

LONGEST_VALUE, PARAMETERS_A_CALL = 6000, 100
"""Limits of mlflow.utils.validation."""


def refuse_early(request: Reported, run: RunFolder | None) -> None:
    """Raises RequestError where the winner `run` cannot be registered; None: there is no winner."""
    where, mistakes = str(request.register_in), []
    if find_spec(where) is None:
        problem = f"needs the package {where}, which is not installed"
        mistakes.append(Mistake("register", problem, f"pip install -e '.[{EXTRAS.get(where, where)}]'", where))
    if request.source != "lab" or run is None:
        problem = "needs a winner that is a run folder" if request.source == "lab" else "needs run folders"
        mistakes.append(Mistake("register", problem, "source=lab, and a run that came to its end", where))
    elif not run.best.is_file() or not run.config.is_file():
        problem = f"the winner {run.path} has no checkpoints/best.ckpt and config.yaml"
        mistakes.append(Mistake("register", problem, "train it again, then report on it", where))
    if mistakes:
        raise RequestError(mistakes)


def register(report: Report, request: Reported, run: RunFolder) -> str:
    """Put the winner there; gives where it is in words. Raises RunError with what the service said."""
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
    """Everything a checkpoint needs to be used again, side by side."""
    folder.mkdir()
    for path in (run.best, run.config, run.spec, run.path / "run.json", run.path / "classification_report.txt"):
        if path.is_file():
            shutil.copy2(path, folder / path.name)
    if run.tokenizer.is_dir():
        shutil.copytree(run.tokenizer, folder / "tokenizer")
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
    found = {f"test/{name}": value for name, value in test.items() if value is not None}
    return found | {record["objective"]["metric"]: record["objective"]["value"]}


def _into_mlflow(
    request: Reported, name: str, folder: Path, record: dict[str, Any], config: dict[str, Any], trained_as: str | None
) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = request.tracking.mlflow_uri
    client = mlflow.MlflowClient(uri, registry_uri=uri)
    if trained_as is not None and _is_there(client, trained_as):
        run_id = trained_as
    else:
        experiment = request.tracking.experiment or name
        run_id = _another_run(client, experiment, f"register {config.get('run_name') or name}", record, config)
    place = _free_place(client, run_id)
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


def _is_there(client: "MlflowClient", run_id: str) -> bool:
    """Whether a run is in the client's store, and not deleted."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def _another_run(
    client: "MlflowClient", experiment: str, title: str, record: dict[str, Any], config: dict[str, Any]
) -> str:
    """A finished run that says what the training run would."""
    from mlflow.entities import Metric, Param

    found = client.get_experiment_by_name(experiment)
    identity = found.experiment_id if found else client.create_experiment(experiment)
    run_id = str(client.create_run(identity, run_name=title, tags=_tags(record)).info.run_id)
    settings, scores = flattened(config), _metrics(record)
    names = UniqueNames().of(settings)
    values = [Param(names[key], str(value)[:LONGEST_VALUE]) for key, value in settings.items()]
    for start in range(0, len(values), PARAMETERS_A_CALL):
        client.log_batch(run_id, params=values[start : start + PARAMETERS_A_CALL])
    names = UniqueNames().of(scores)
    client.log_batch(run_id, metrics=[Metric(names[key], value, 0, 0) for key, value in scores.items()])
    client.set_terminated(run_id)
    return run_id


def _free_place(client: "MlflowClient", run_id: str) -> str:
    """`model`, or with a number behind it: an earlier version keeps its files."""
    taken = {file.path for file in client.list_artifacts(run_id)}
    places = chain(["model"], (f"model-{number}" for number in count(2)))
    return next(place for place in places if place not in taken)


def _into_wandb(
    request: Reported,
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
        told = Path(run.dir).parent
    return f"wandb: artifact {name} in {told if mode == 'offline' else request.registry.project}"
