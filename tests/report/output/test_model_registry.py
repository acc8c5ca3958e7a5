"""The winner in a registry: a real MLflow server on SQLite, a W&B artifact offline; MLflow read back as a source."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.config.schema.report import ReportRequest
from lab.core.errors import RequestError, RunError
from lab.core.record.run_folder import RunFolder
from lab.core.record.tracking_ids import remember
from lab.report.analysis.run_table import build_run_table
from lab.report.build import build
from lab.report.findings import Report
from lab.report.output.model_registry import refuse_early
from lab.report.sources.mlflow import read

from ..conftest import MakeRun

Ask = Callable[..., ReportRequest]


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.report.build.page.write", lambda report, lang: None)


@pytest.fixture
def won(make_run: MakeRun, tmp_path: Path) -> RunFolder:
    """The better of two runs, with a checkpoint and a tokenizer."""
    make_run("runs/worse", (0.1,), config={"optimizer.lr": 0.5, "experiment_name": "avisos"})
    model = {"name": "tiny", "kind": "encoder"}
    run = make_run("runs/better", (0.2, 0.8), config={"experiment_name": "avisos"}, model=model)
    run.best.parent.mkdir()
    run.best.write_bytes(b"weights")
    run.tokenizer.mkdir()
    run.spec.write_text("{}")
    (run.tokenizer / "tokenizer.json").write_text("{}")
    return run


def registered(won: RunFolder, tmp_path: Path, ask: Ask, where: str, **changes: Any) -> Report:
    output = str(tmp_path / "report")
    return build(
        ask(runs=str(won.path.parent), output=output, register=where, log=str(tmp_path / "LOG.md"), **changes), ""
    )


@pytest.mark.parametrize("lacking", ["checkpoints/best.ckpt", "config.yaml"])
def test_a_winner_without_its_parts_is_refused_before_anything_is_written(
    won: RunFolder, tmp_path: Path, ask: Ask, lacking: str
) -> None:
    (won.path / lacking).unlink()
    with pytest.raises(RequestError, match=r"has no checkpoints/best\.ckpt"):
        registered(won, tmp_path, ask, "wandb")
    assert not (tmp_path / "report").exists()


def test_only_run_folders_can_be_registered(won: RunFolder, ask: Ask) -> None:
    with pytest.raises(RequestError, match="needs run folders"):
        refuse_early(ask(source="hf", register="wandb"), won)
    with pytest.raises(RequestError, match="needs a winner"):
        refuse_early(ask(register="wandb"), None)


def test_a_wandb_artifact_is_kept_offline(
    won: RunFolder, tmp_path: Path, ask: Ask, read_wandb: Callable[[Path], list[Any]]
) -> None:
    registered(won, tmp_path, ask, "wandb", registry__name="priority")
    (file,) = (tmp_path / "report").rglob("run-*.wandb")
    records = [one for one in read_wandb(file) if one.WhichOneof("record_type") in ("artifact", "request")]
    artifacts = [one.artifact if one.HasField("artifact") else one.request.log_artifact.artifact for one in records]
    (artifact,) = [one for one in artifacts if one.name == "priority"]
    assert artifact.type == "model"
    assert json.loads(artifact.metadata)["data_fingerprint"] == "aaaa1111"
    assert {entry.path for entry in artifact.manifest.contents} == {
        "checkpoints/best.ckpt", "config.yaml", "run.json", "spec.json", "README.md", "tokenizer/tokenizer.json",
    }  # fmt: skip
    assert "- [x] registered: wandb: artifact priority" in (tmp_path / "LOG.md").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`mlflow server` on a SQLite file of its own."""
    pytest.importorskip("mlflow")
    address = f"http://127.0.0.1:{(port := free_port())}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--backend-store-uri", "sqlite:///m.db"]
    with (tmp_path / "server.log").open("w") as log:
        running = subprocess.Popen(
            command, cwd=tmp_path, env=environment | {"MLFLOW_DISABLE_TELEMETRY": "true"}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=30).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert running.poll() is None, (tmp_path / "server.log").read_text()
                    time.sleep(0.5)
            yield address
        finally:
            os.killpg(running.pid, 15)
            running.wait(timeout=30)


@pytest.mark.slow
def test_a_real_mlflow_server_has_the_model_with_all_that_belongs_to_it(
    won: RunFolder, tmp_path: Path, ask: Ask, server: str
) -> None:
    import mlflow

    registered(won, tmp_path, ask, "mlflow", tracking__mlflow_uri=server)
    registered(won, tmp_path, ask, "mlflow", tracking__mlflow_uri=server)
    client = mlflow.MlflowClient(server, registry_uri=server)
    versions = sorted(client.search_model_versions("name='avisos'"), key=lambda one: int(one.version))
    assert [int(one.version) for one in versions] == [1, 2]
    assert versions[0].tags["data_fingerprint"] == "aaaa1111"
    assert "## Scores on the test rows" in versions[0].description
    local = Path(
        mlflow.artifacts.download_artifacts(client.get_model_version_download_uri("avisos", "1"), tracking_uri=server)
    )
    assert (local / "checkpoints" / "best.ckpt").read_bytes() == b"weights"
    assert (local / "tokenizer" / "tokenizer.json").is_file()
    run = client.get_run(versions[0].run_id)
    assert run.data.metrics == {"test/f1_macro": 0.65, "val/f1_macro": 0.8}
    assert run.data.params["optimizer.lr"] == "0.001"
    assert run.info.status == "FINISHED"
    assert f"registered: mlflow: avisos version 1 ({server})" in (tmp_path / "LOG.md").read_text()
    with pytest.raises(RunError, match="mlflow could not register"):
        registered(won, tmp_path, ask, "mlflow", tracking__mlflow_uri=server, registry__name="a/b:c")


@pytest.mark.parametrize("where", ["same store", "another store", "deleted"])
def test_a_version_belongs_to_the_training_run_where_it_is_in_the_store(
    won: RunFolder, tmp_path: Path, ask: Ask, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where MLflow keeps the files
    uri, other = (f"sqlite:///{tmp_path}/{name}.db" for name in ("m", "n"))
    client = mlflow.MlflowClient(other if where == "another store" else uri)
    trained = client.create_run(client.create_experiment("training")).info.run_id
    client.log_metric(trained, "val/f1_macro", 0.8)
    client.set_terminated(trained)
    if where == "deleted":
        client.delete_run(trained)
    remember(won.path, "mlflow", trained)
    for _ in range(2):
        registered(won, tmp_path, ask, "mlflow", tracking__mlflow_uri=uri)
    client = mlflow.MlflowClient(uri, registry_uri=uri)
    versions = client.search_model_versions("name='avisos'")
    assert [one.run_id == trained for one in versions] == [where == "same store"] * 2
    assert len({one.source for one in versions}) == 2
    for one in versions:
        local = Path(
            mlflow.artifacts.download_artifacts(
                client.get_model_version_download_uri("avisos", one.version), tracking_uri=uri
            )
        )
        assert (local / "checkpoints" / "best.ckpt").read_bytes() == b"weights"
    existing = {run.info.run_id for name in ("training", "avisos") if (made := client.get_experiment_by_name(name))
             for run in client.search_runs([made.experiment_id])}  # fmt: skip
    assert len(existing) == (1 if where == "same store" else 2)


def test_odd_names_of_settings_and_scores_do_not_keep_a_model_out(
    won: RunFolder, tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    record = won.read()
    won.update(metrics=record["metrics"] | {"test": {"grade@1/f1": 0.1, "grade_1/f1": 0.2}})
    uri = f"sqlite:///{tmp_path}/m.db"
    registered(won, tmp_path, ask, "mlflow", tracking__mlflow_uri=uri)
    client = mlflow.MlflowClient(uri, registry_uri=uri)
    (version,) = client.search_model_versions("name='avisos'")
    scores = client.get_run(version.run_id).data.metrics
    assert (scores["test/grade_1/f1"], scores["test/grade_1/f1_2"]) == (0.2, 0.1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite store with two finished runs and one that was killed, in two experiments."""
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    for number, (experiment, status) in enumerate([("a", "FINISHED"), ("a", "KILLED"), ("b", "FINISHED")]):
        existing = client.get_experiment_by_name(experiment)
        identity = existing.experiment_id if existing else client.create_experiment(experiment)
        run = client.create_run(identity, run_name=str(number)).info.run_id
        for key, value in {
            "objective.metric": "val/f1_macro",
            "objective.mode": "max",
            "optimizer.lr": "3e-05",
            "seed": number,
        }.items():
            client.log_param(run, key, value)
        for epoch, value in enumerate((0.5, 0.75 + number / 10, 0.625)):
            client.log_metric(run, "val/f1_macro", value, step=10 * (epoch + 1))
            client.log_metric(run, "epoch", epoch, step=10 * (epoch + 1))
        client.log_metric(run, "test/f1_macro", 0.5, step=20)
        client.set_terminated(run, status)
    return uri


def test_runs_of_mlflow_become_the_same_table(store: str, ask: Ask) -> None:
    runs = build_run_table(read(ask(source="mlflow", tracking__mlflow_uri=store)), ask().objective, False, ("seed",))
    assert sorted(runs.frame["objective"]) == [0.75, 0.85, 0.95]
    first = runs.frame.set_index("seed").loc[0]
    assert first[["objective_epoch", "objective_step", "test/f1_macro"]].tolist() == [1, 20, 0.5]
    assert runs.constant["optimizer.lr"] == 3e-5
    assert sorted(runs.frame["status"]) == ["completed", "completed", "interrupted"]
    one = read(ask(source="mlflow", tracking__mlflow_uri=store, tracking__experiment="b")).runs
    assert len(one) == 1


def test_a_store_or_experiment_that_is_not_there_is_refused(store: str, tmp_path: Path, ask: Ask) -> None:
    with pytest.raises(RequestError, match="there is no such file"):
        read(ask(source="mlflow", tracking__mlflow_uri=f"sqlite:///{tmp_path}/no.db"))
    assert not (tmp_path / "no.db").exists()
    with pytest.raises(RequestError, match="no experiment has this name"):
        read(ask(source="mlflow", tracking__mlflow_uri=store, tracking__experiment="c"))
