"""Training inside a notebook's or script's process: a run folder as of the command line, and a process as before."""

import logging
import os
import shlex
import signal
from pathlib import Path

import pytest
import yaml

import lab
from lab.cli.recipes import recipe
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.training import train as training

from .conftest import SMALL

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


def state() -> tuple[object, ...]:
    root = logging.getLogger()
    return [signal.getsignal(number) for number in SIGNALS], list(root.handlers), root.level, logging.raiseExceptions


def test_a_run_gets_a_new_folder_below_outputs(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = lab.train([*SMALL, "trainer.devices=auto", "trainer.strategy=ddp"])
    assert run.folder.parts[0] == "outputs"
    assert len(run.folder.parts) == 3
    assert run.status == "completed"
    trainer = yaml.safe_load((run.folder / "config.yaml").read_text())["trainer"]
    assert (trainer["devices"], trainer["strategy"]) == (1, "auto"), "one process on a CPU, recorded as a number"


def test_the_process_is_left_as_it_was(tmp_path: Path) -> None:
    before = state()
    lab.train(SMALL, tmp_path / "run")
    assert state() == before


def test_a_run_that_fails_leaves_the_process_as_it_was_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("planted")

    before = state()
    monkeypatch.setattr(training, "_conclude", fail)
    with pytest.raises(ValueError, match="planted"):
        lab.train(SMALL, tmp_path / "run")
    assert state() == before
    assert lab.load(tmp_path / "run").status == "failed"


def test_an_interrupt_leaves_a_run_that_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.callbacks.progress import Progress

    whole = lab.train(SMALL, tmp_path / "whole")

    def interrupt(self: Progress, trainer: object, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_epoch_start", interrupt, raising=False)
        with pytest.raises(KeyboardInterrupt):
            lab.train(SMALL, tmp_path / "cut")
    assert state() == before
    assert lab.load(tmp_path / "cut").status == "interrupted"
    resumed = lab.train([f"resume={tmp_path / 'cut'}"])
    assert resumed.folder == tmp_path / "cut"
    assert resumed.metrics["test/f1_macro"] == whole.metrics["test/f1_macro"]


def test_a_run_is_tested_again(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = Path("outputs/first/train.log").read_bytes()
    run = lab.train(["test=outputs/first"])
    assert run.folder == here / "outputs" / "first"
    assert "largest difference from the recorded test scores: 0.0e+00" in capfd.readouterr().err
    assert Path("outputs/first/train.log").read_bytes() == log


def test_progress_goes_to_the_terminal_and_to_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lab.train(SMALL, tmp_path / "run")
    assert "epoch 2/2  train/loss" in capfd.readouterr().err
    assert "[lab.callbacks.progress][INFO] epoch 2/2" in (tmp_path / "run" / "train.log").read_text()


def test_the_record_has_the_line_that_trains_it_again(tmp_path: Path) -> None:
    config = lab.compose(SMALL)
    run = lab.train(config.model_copy(update={"seed": 5}), tmp_path / "run")
    words = shlex.split(run.record["command"])
    assert words == ["python", "-m", "lab", "train", *SMALL, "seed=5"]
    assert lab.compose(words[4:]).seed == 5
    again = lab.train(run.config.model_copy(update={"logger": config.logger}), tmp_path / "again")
    assert again.metrics["test/f1_macro"] == run.metrics["test/f1_macro"]


def test_the_report_can_make_a_recipe_of_it(here: Path) -> None:
    node = yaml.safe_load(recipe(RunFolder(Path("outputs/first")), "best"))
    assert {"override /model": "ngram"} in node["defaults"]


def test_an_existing_folder_is_not_written_over(here: Path) -> None:
    with pytest.raises(RequestError, match="folder=outputs/first: exists already"):
        lab.train(SMALL, "outputs/first")


def test_a_resumed_run_takes_no_folder(here: Path) -> None:
    with pytest.raises(RequestError, match="resumed or tested in its own folder"):
        lab.train(["test=outputs/first"], "outputs/other")


def test_what_the_machine_lacks_is_named_before_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="model"):
        lab.train(["model=encoder", "model.path=nobody/no_such_encoder"], tmp_path / "run")
    assert not (tmp_path / "run").exists()
