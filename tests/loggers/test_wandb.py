"""What an offline run of W&B holds, read back from its file."""

import http.server
import json
import logging
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wandb
from lightning.pytorch import loggers as lightning_loggers
from omegaconf import OmegaConf

from lab.config.schema import Wandb
from lab.core.record.run_folder import RunFolder
from lab.core.record.tracking_ids import recall
from lab.core.wandb_file import read_offline
from lab.loggers.base import Outcome
from lab.loggers.wandb import WandbLogger
from lab.loggers.wandb_run import segments

CONFIG = {"seed": 42, "optimizer": {"lr": 3e-5, "betas": [0.9, 0.999]}, "data": {"labels": ["causa"]}, "resume": None}


def settings(**changes: Any) -> Wandb:
    plain = {"project": "lab", "entity": None, "group": None, "mode": "offline", "log_checkpoint": False}
    return Wandb(**({**plain, "prediction_rows": 4} | changes))


def start(folder: Path, name: str = "tiny-lr3e-5", group: str | None = "study", **changes: Any) -> WandbLogger:
    folder.mkdir(exist_ok=True)
    return WandbLogger(settings(**changes), folder, CONFIG, name, group, ["first", "try"])


@pytest.fixture
def stored(read_wandb: Callable[[Path], list[Any]]) -> Callable[[Path], list[Any]]:
    """Records of the one run kept in a run folder."""

    def read(folder: Path) -> list[Any]:
        (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
        return read_wandb(path)

    return read


def kind(records: list[Any], name: str) -> list[Any]:
    return [getattr(record, name) for record in records if record.WhichOneof("record_type") == name]


def values(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def summary(records: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for update in kind(records, "summary"):
        merged |= values(update.update)
    return merged


def test_history_has_one_row_per_validation(tmp_path: Path, fit: Callable[..., None], stored: Any) -> None:
    logger = start(tmp_path / "run")
    fit([logger], epochs=3)
    logger.finish("completed")
    rows = [values(row.item) for row in kind(stored(tmp_path / "run"), "history")]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [row["_step"] for row in rows] == [4, 9, 14]
    assert all({"val/loss", "val/f1_macro", "train/loss", "lr"} <= set(row) for row in rows)
    assert not any("test/accuracy" in row for row in rows)


def test_a_row_is_closed_as_soon_as_it_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger, sent = start(tmp_path), []
    monkeypatch.setattr(logger.run, "log", lambda row, step, commit=None: sent.append((row, step, commit)))
    logger.log_metrics({"val/loss": 0.5, "lr": 0.1}, 4)
    assert sent == [({"val/loss": 0.5, "lr": 0.1}, 4, True)]
    logger.finish("completed")


def test_a_step_and_its_validation_are_one_row(tmp_path: Path, stored: Any) -> None:
    logger = start(tmp_path)
    for step in (1, 2, 3):
        logger.log_metrics({"train/loss_step": 1 / step}, step)
        if step == 2:
            logger.log_metrics({"val/loss": 0.5}, step)
    logger.finish("completed")
    rows = [values(row.item) for row in kind(stored(tmp_path), "history")]
    assert [(row["_step"], row.get("val/loss")) for row in rows] == [(1, None), (2, 0.5), (3, None)]
    assert all("train/loss_step" in row for row in rows)


def test_it_is_lightnings_wandb_logger(tmp_path: Path, stored: Any) -> None:
    logger = start(tmp_path)
    assert isinstance(logger, lightning_loggers.WandbLogger)
    assert logger.experiment is logger.run
    logger.log_table("own", columns=["a"], data=[[1]])
    logger.log_metrics({"val/loss": 0.5}, 4)
    logger.finish("completed")
    table, validation = [values(row.item) for row in kind(stored(tmp_path), "history")]
    assert any(name.startswith("own") for name in table)
    assert (validation["_step"], validation["val/loss"]) == (4, 0.5)


def test_two_runs_of_one_process_are_two_ids_in_one_group_both_closed(
    tmp_path: Path, fit: Callable[..., None], outcome: Outcome, stored: Any
) -> None:
    for number in range(2):
        logger = start(tmp_path / str(number), name=f"trial-{number}")
        fit([logger], epochs=1)
        logger.log_outcome(outcome)
        logger.finish("completed" if number == 0 else "failed", "loss is not finite")
    records = [stored(tmp_path / str(number)) for number in range(2)]
    runs = [kind(each, "run")[0] for each in records]
    assert runs[0].run_id != runs[1].run_id
    assert [run.run_group for run in runs] == ["study", "study"]
    assert [run.display_name for run in runs] == ["trial-0", "trial-1"]
    assert list(runs[0].tags) == ["first", "try"]
    assert runs[0].project == "lab"
    assert [kind(each, "exit")[0].exit_code for each in records] == [0, 1]
    assert summary(records[1])["status"] == "failed"
    assert all(len(kind(each, "history")) == 2 for each in records), "a validation and the test"


def test_config_is_config_yaml(tmp_path: Path, stored: Any) -> None:
    OmegaConf.save(OmegaConf.create(CONFIG), tmp_path / "config.yaml")
    start(tmp_path).finish("completed")
    kept = values(kind(stored(tmp_path), "run")[0].config.update)
    kept.pop("_wandb")
    assert kept == OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml"))


def test_outcome_goes_into_the_summary_and_the_test_is_the_last_row(
    tmp_path: Path, fit: Callable[..., None], outcome: Outcome, stored: Any
) -> None:
    folder = tmp_path / "run"
    logger = start(folder)
    fit([logger], epochs=2)
    logger.log_outcome(outcome)
    logger.finish("early_stopped", "no improvement for 3 epochs")
    records = stored(folder)
    *validations, last = [values(row.item) for row in kind(records, "history")]
    assert [row["_step"] for row in validations] == [4, 9]
    assert {name: value for name, value in last.items() if not name.startswith("_")} == {
        "test/accuracy": 0.5,
        "test/causa/f1_macro": 0.625,
    }
    kept = summary(records)
    assert kept["test/accuracy"] == 0.5
    assert kept["test/causa/f1_macro"] == 0.625
    assert kept["best/val/f1_macro"] == 0.75
    assert kept["status"] == "early_stopped"
    assert kept["reason"] == "no improvement for 3 epochs"
    tables = {path.name.split("_")[0]: json.loads(path.read_text()) for path in folder.rglob("*.table.json")}
    assert tables["predictions"]["columns"] == ["text", "causa"]
    assert [row[0] for row in tables["predictions"]["data"]] == ["bomba 0", "bomba 1", "bomba 2", "bomba 3"]
    assert tables["causa"]["data"][1] == ["desgaste", "fuga", 1]


@pytest.mark.parametrize("uploads", [True, False])
def test_best_checkpoint_is_an_artifact_when_requested(
    tmp_path: Path, outcome: Outcome, stored: Any, uploads: bool
) -> None:
    logger = start(tmp_path / "run", log_checkpoint=uploads)
    (tmp_path / "run" / "spec.json").write_text("{}", encoding="utf-8")
    logger.log_outcome(outcome)
    logger.finish("completed")
    models = [item for item in kind(stored(tmp_path / "run"), "artifact") if item.type == "model"]
    assert [item.name for item in models] == ([f"best-{logger.version}"] if uploads else [])
    kept = [{entry.path for entry in item.manifest.contents} for item in models]
    assert all({"checkpoints/best.ckpt", "spec.json"} <= paths for paths in kept)


def test_figures_are_shown(tmp_path: Path, outcome: Outcome, stored: Any) -> None:
    from PIL import Image

    (tmp_path / "run" / "figures").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "run" / "figures" / "confusion_causa.png")
    logger = start(tmp_path / "run")
    logger.log_outcome(outcome)
    logger.finish("completed")
    kept = summary(stored(tmp_path / "run"))
    assert any(name.startswith("figures/confusion_causa") for name in kept), sorted(kept)


def test_a_resumed_run_keeps_its_id(tmp_path: Path) -> None:
    first = start(tmp_path)
    first.finish("interrupted")
    second = start(tmp_path)
    second.finish("completed")
    assert first.version == second.version


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(tmp_path).finish("completed")
    assert capfd.readouterr() == ("", "")


def test_a_key_without_a_network_means_offline_unless_online_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stored: Any
) -> None:
    from wandb.errors import CommError

    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setattr("lab.loggers.wandb_run.START_LIMIT_S", 0.5)
    with pytest.raises(CommError):
        start(tmp_path / "requested", mode="online")
    logger = start(tmp_path / "auto", mode="auto")
    logger.finish("completed")
    assert kind(stored(tmp_path / "auto"), "exit")
    assert "cannot be reached" in caplog.text


KILLED = """
import os, signal, sys
from pathlib import Path
from lab.loggers.wandb import WandbLogger
from lab.core.record.run_folder import RunFolder
from lab.config.schema import Wandb
folder = Path(sys.argv[1])
logger = WandbLogger(Wandb(project="lab", entity=None, group=None, mode="offline", log_checkpoint=False,
                           prediction_rows=0), folder, {}, "run", None, [])
for step in (1, 2, 3):
    logger.log_metrics({"val/loss": 1 / step, "epoch": step}, step)
    RunFolder(folder).append_history({"epoch": step, "step": step, "val/loss": 1 / step})
os.kill(os.getpid(), signal.SIGKILL)
"""


def steps_of(folder: Path) -> list[list[int]]:
    """Of the validations of each part of an offline run."""
    (identity,) = {path.name.rpartition("-")[2] for path in folder.glob("wandb/offline-run-*")}
    files = [part / f"run-{identity}.wandb" for part in segments(folder, identity)]
    return [[int(row["_step"]) for row in read_offline(file).rows if "val/loss" in row] for file in files]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose process was killed before wandb had written its rows."""
    folder = tmp_path_factory.mktemp("killed")
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # not this process's service
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=own, check=False)
    assert done.returncode == -signal.SIGKILL
    return folder


@pytest.mark.parametrize("validates", [True, False])
def test_rows_that_a_kill_took_are_logged_by_the_resumed_run(
    killed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, outcome: Outcome, read_wandb: Any, validates: bool
) -> None:
    """Also where nothing but the test was left to do."""
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True, symlinks=True)
    (first,) = steps_of(tmp_path)
    history = RunFolder(tmp_path)
    history.append_history({"epoch": 4, "step": 4, "val/loss": float("nan")})
    time.sleep(1.1)  # a part is named by the second it was begun in
    logger = start(tmp_path)
    if validates:
        history.append_history({"epoch": 5, "step": 5, "val/loss": 0.2})
        logger.log_metrics({"val/loss": 0.2}, 5)
    logger.log_outcome(outcome)
    with caplog.at_level(logging.INFO):
        logger.finish("completed")
    read_wandb(Path(logger.run.dir).parent / f"run-{logger.version}.wandb")  # once it is written
    before, after = steps_of(tmp_path)
    assert before == first
    assert sorted(before + after) == [1, 2, 3, 4, *([5] if validates else [])]
    places = [str(path) for path in segments(tmp_path, logger.version)]
    assert len(places) == 2
    assert f"`wandb sync {places[0]} {places[1]}` uploads it" in caplog.text
    assert places == sorted(places)


def test_a_resumed_run_that_is_online_logs_what_the_server_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (10, 20, 30, 40):
        RunFolder(tmp_path).append_history({"epoch": step // 10, "step": step, "val/loss": 1.0})
    logger, sent = start(tmp_path), list[int]()
    monkeypatch.setattr(logger, "mode", "online")
    monkeypatch.setattr(type(logger.run), "starting_step", 21)
    monkeypatch.setattr(logger.run, "log", lambda row, step, commit: sent.append(step))
    for step in (40, 50):
        logger.log_metrics({"val/loss": 0.5}, step)
    assert sent == [30, 40, 50]
    logger.finish("completed")


class Deaf(socketserver.BaseRequestHandler):
    """Takes every request and answers none."""

    def handle(self) -> None:
        time.sleep(60)


class Broken(http.server.BaseHTTPRequestHandler):
    """Is there, and serves nothing."""

    def do_GET(self) -> None:
        self.send_error(503)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("handler", [None, Deaf, Broken])
def test_a_start_that_fell_back_to_offline_leaves_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stored: Any, handler: Any
) -> None:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler or Deaf)
    server.daemon_threads, server.block_on_close = True, False
    if handler is None:
        server.server_close()
    else:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setattr("lab.loggers.wandb_run.START_LIMIT_S", 0.5)
    monkeypatch.setattr("lab.loggers.wandb_run.PROBE_LIMIT_S", 0.5)
    wandb.setup().settings.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    logger = start(tmp_path / "run", mode="auto")
    logger.log_metrics({"val/loss": 1.0}, 1)
    logger.finish("completed")
    if handler is not None:
        server.shutdown()
        server.server_close()
    assert kind(stored(tmp_path / "run"), "exit")
    places = [path.name for path in (tmp_path / "run" / "wandb").glob("*run-*") if not path.is_symlink()]
    assert [name.partition("-run-")[0] for name in places] == ["offline"]
    assert places[0].endswith(logger.version)
    assert recall(tmp_path / "run", "wandb") == logger.version
    assert caplog.text.count("kept offline (") == 1
