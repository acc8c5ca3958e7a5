"""MLflow: what its own client and a real server find after a run."""

import json
import multiprocessing
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import MLFlowLogger

from lab.config.schema import Mlflow
from lab.core.record.tracking_ids import lost, mlflow_name
from lab.loggers.base import Confusion, Outcome
from lab.loggers.failsafe import FailsafeLogger
from lab.loggers.mlflow import ATTEMPTS, LONGEST_VALUE, MlflowLogger, _attempts, flat_parameters

mlflow = pytest.importorskip("mlflow")

CONFIG = {"seed": 42, "optimizer": {"lr": 3e-5, "betas": [0.9, 0.999]}, "data": {"path": None, "text": "á" * 7000}}


def start(
    folder: Path, uri: str, name: str = "tiny-lr3e-5", experiment: str = "avisos", log_checkpoint: bool = False
) -> MlflowLogger:
    folder.mkdir(exist_ok=True)
    settings = Mlflow(experiment=experiment, tracking_uri=uri, log_checkpoint=log_checkpoint)
    return MlflowLogger(settings, folder, CONFIG, name, {"study": "first"})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests keep mlflow.db: making its tables is what costs seconds. Each has an experiment of its own."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def store(place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The default store as it stands in conf/: a file in the current folder, where `mlflow ui` looks for it."""
    monkeypatch.chdir(place)
    return "sqlite:///mlflow.db"


def runs(store: str, experiment_name: str = "avisos", order: str = "attributes.start_time ASC") -> list[Any]:
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name(experiment_name)
    return list(client.search_runs([experiment.experiment_id], order_by=[order]))


def test_a_run_has_flat_parameters_metrics_and_an_end(
    tmp_path: Path, store: str, fit: Callable[..., None], outcome: Outcome
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "classification_report.txt").write_text("report", encoding="utf-8")
    (tmp_path / "run" / "spec.json").write_text("{}", encoding="utf-8")
    logger = start(tmp_path / "run", store, log_checkpoint=True)
    fit([logger], epochs=2)
    logger.log_outcome(outcome)
    logger.finish("completed")
    (run,) = runs(store)
    assert run.info.run_name == "tiny-lr3e-5"
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer.lr"] == "3e-05"
    assert run.data.params["optimizer.betas"] == "[0.9, 0.999]"
    assert len(run.data.params["data.text"]) == LONGEST_VALUE
    assert run.data.metrics["test/accuracy"] == 0.5
    assert run.data.metrics["best/val/f1_macro"] == 0.75
    assert run.data.tags["study"] == "first"
    client = mlflow.MlflowClient(store)
    history = client.get_metric_history(run.info.run_id, "val/f1_macro")
    assert [point.step for point in history] == [4, 9]
    kept = {
        file.path
        for folder in (None, "confusion", "checkpoints")
        for file in client.list_artifacts(run.info.run_id, folder)
    }
    assert {"classification_report.txt", "confusion/causa.json", "checkpoints/best.ckpt", "spec.json"} <= kept


def test_it_is_lightnings_mlflow_logger(tmp_path: Path, store: str) -> None:
    logger = start(tmp_path / "run", store, experiment="own")
    assert isinstance(logger, MLFlowLogger)
    assert logger.run_id == logger.version
    logger.experiment.log_metric(logger.run_id, "own", 0.5)
    logger.finalize("success")
    (run,) = runs(store, "own")
    assert (run.data.metrics, run.info.status) == ({"own": 0.5}, "RUNNING")
    logger.finish("completed")
    (run,) = runs(store, "own")
    assert run.info.status == "FINISHED"


def test_runs_sort_by_test_accuracy_and_end_as_they_ended(tmp_path: Path, store: str) -> None:
    ends = {"completed": "FINISHED", "early_stopped": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
    for number, status in enumerate(ends):
        logger = start(tmp_path / status, store, name=status, experiment="ends")
        score = [0.5, 0.75, 0.25, 0.625][number]
        logger.log_outcome(Outcome(objective={"metric": "val/f1_macro", "step": 1}, test={"accuracy": score}))
        logger.finish(status)
    result = runs(store, "ends", "metrics.`test/accuracy` DESC")
    assert [run.info.run_name for run in result] == ["early_stopped", "interrupted", "completed", "failed"]
    assert {run.info.run_name: run.info.status for run in result} == ends


def test_nothing_is_printed(
    tmp_path: Path, store: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    start(tmp_path / "run", f"sqlite:///{tmp_path}/new.db").finish("completed")
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith(("mlflow", "alembic"))] == []


def test_a_resumed_run_goes_on_in_the_same_run(tmp_path: Path, store: str) -> None:
    first = start(tmp_path / "run", store, experiment="resumed")
    first.log_metrics({"val/f1_macro": 0.5}, 1)
    first.finish("interrupted")
    second = start(tmp_path / "run", store, name="other", experiment="resumed")
    second.log_metrics({"val/f1_macro": 0.75}, 2)
    second.finish("completed")
    (run,) = runs(store, "resumed")
    assert run.info.status == "FINISHED"
    history = mlflow.MlflowClient(store).get_metric_history(run.info.run_id, "val/f1_macro")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.75)]


def test_flat() -> None:
    tree = {"a": {"b": {"c": 1}, "d": True}, "e": None, "f": "text", "g": {}, "h": {"ñandú (x)": 0.5}}
    assert flat_parameters(tree) == {
        "a.b.c": "1",
        "a.d": "true",
        "e": "null",
        "f": "text",
        "g": "{}",
        "h.ñandú _x_": "0.5",
    }


def test_names_keep_to_what_mlflow_takes() -> None:
    assert mlflow_name("val/causa raíz/f1_macro") == "val/causa raíz/f1_macro"
    assert mlflow_name("val/c#1: (x)/f1") == "val/c_1_ _x_/f1"
    assert len(mlflow_name("x" * 300)) == 250


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    return dict(json.loads(text)) if text.startswith("{") else {"text": text}


@pytest.fixture
def ui(place: Path) -> Iterator[str]:
    """Plain `mlflow ui`, started in the folder of the store with nothing but a port."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port)]
    with (place / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=place, env=environment | {"MLFLOW_DISABLE_TELEMETRY": "true"}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            for _ in range(240):
                try:
                    ask(f"{address}/health")
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert server.poll() is None, (place / "server.log").read_text()
                    time.sleep(0.5)
            yield address
        finally:
            os.killpg(server.pid, 15)
            server.wait(timeout=30)


@pytest.mark.slow
def test_plain_mlflow_ui_shows_experiment_parameters_and_metrics(
    tmp_path: Path, store: str, ui: str, outcome: Outcome
) -> None:
    """The first run went straight into the file, the second through the server."""
    for number, score in enumerate((0.5, 0.75)):
        logger = start(tmp_path / str(number), ui if number else store, f"trial-{number}", "shown")
        logger.log_metrics({"val/f1_macro": 0.5}, 3)
        logger.log_outcome(Outcome(outcome.objective, {"accuracy": score}, outcome.confusions))
        logger.finish("completed")
    experiment = ask(f"{ui}/api/2.0/mlflow/experiments/get-by-name?experiment_name=shown")["experiment"]
    query = {"experiment_ids": [experiment["experiment_id"]], "order_by": ["metrics.`test/accuracy` DESC"]}
    result = ask(f"{ui}/api/2.0/mlflow/runs/search", query)["runs"]
    assert [run["info"]["run_name"] for run in result] == ["trial-1", "trial-0"]
    assert [run["info"]["status"] for run in result] == ["FINISHED", "FINISHED"]
    parameters = {item["key"]: item["value"] for item in result[0]["data"]["params"]}
    assert parameters["optimizer.lr"] == "3e-05"
    metrics = {item["key"]: item["value"] for item in result[0]["data"]["metrics"]}
    assert metrics["test/accuracy"] == 0.75
    assert "<html" in ask(ui)["text"].lower()


def beginning(folder: Path, uri: str, ready: Any, results: Any) -> None:
    ready.wait()
    try:
        results.put(start(folder, uri, experiment="raced").run_id)
    except Exception as error:  # noqa: BLE001  the test expects it
        results.put(error)


@pytest.mark.parametrize("uri", ["sqlite:///together.db", "sqlite:///new folder/together.db"])
def test_runs_that_begin_together_make_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.chdir(tmp_path)
    context = multiprocessing.get_context("fork")
    results, ready = context.SimpleQueue(), context.Barrier(4)
    jobs = [context.Process(target=beginning, args=(tmp_path / name, uri, ready, results)) for name in "abcd"]
    for job in jobs:
        job.start()
    ids = [results.get() for _ in jobs]
    for job in jobs:
        job.join()
    assert sorted(run.info.run_id for run in runs(uri, "raced")) == sorted(map(str, ids))


class Deaf(socketserver.BaseRequestHandler):
    """Takes every request and answers none."""

    def handle(self) -> None:
        self.server.heard.append(time.monotonic())  # type: ignore[attr-defined]
        time.sleep(60)


@pytest.mark.parametrize("answers", ["refused", "never"])
def test_a_dead_server_is_asked_a_few_times_and_costs_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    for name in (
        "MLFLOW_HTTP_REQUEST_TIMEOUT",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(ATTEMPTS, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Deaf) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.heard = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port() if answers == "refused" else server.server_address[1]
        logger = FailsafeLogger("mlflow", tmp_path, lambda: start(tmp_path / "run", f"http://127.0.0.1:{port}"))
        logger.log_metrics({"val/loss": 1.0}, 1)
        logger.finish("completed")
        server.shutdown()
        heard = len(server.heard)  # type: ignore[attr-defined]
    assert heard == (2 if answers == "never" else 0)
    assert [record.name for record in caplog.records] == ["lab.loggers.failsafe"]
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ
    assert list(lost(tmp_path)) == ["mlflow"]


def test_what_the_environment_says_of_attempts_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    with _attempts(ATTEMPTS):
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"


def test_names_that_mlflow_would_take_for_one_stay_two(
    tmp_path: Path, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    logger = start(tmp_path / "run", store, experiment="names")
    values = {"val/grade@1/f1": 0.1, "val/grade_1/f1": 0.2, "val/grade#1/f1": 0.3, "val/../f1": 0.4}
    for step in (1, 2):
        logger.log_metrics(dict(reversed(values.items())) if step == 2 else values, step)
    matrix = Confusion(np.eye(2, dtype=int), ("a", "b"))
    logger.log_outcome(Outcome({"metric": "x"}, {}, {"a/b": matrix, "a_b": matrix, "a@b": matrix}))
    logger.finish("completed")
    (run,) = runs(store, "names")
    expected = {"val/grade_1/f1": 0.2, "val/grade_1/f1_2": 0.3, "val/grade_1/f1_3": 0.1, "val/__/f1": 0.4}
    assert run.data.metrics == expected
    assert caplog.text.count("mlflow: val/grade@1/f1 is logged as val/grade_1/f1_3") == 1
    files = mlflow.MlflowClient(store).list_artifacts(run.info.run_id, "confusion")
    assert len(files) == 3
