"""What every logger must do behind its fence: log a run and its end, go on in the same run, and cost a run nothing.

A plug-in's author subclasses `LoggerContract`, lists names in `members`, and replaces the fixture `make`, which gives a
logger for the member's name.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger

from lab.config.schema import Mlflow, Wandb
from lab.core.record.run_folder import RunFolder
from lab.core.record.tracking_ids import lost, recall
from lab.loggers.base import ENDED_WELL, Outcome, RunLogger
from lab.loggers.csv import CsvLogger
from lab.loggers.extra import ExtraLogger
from lab.loggers.failsafe import FailsafeLogger

from ..loggers.conftest import fit, outcome
from .contract import Contract

__all__ = ["fit", "outcome"]
Make = Callable[[Path], RunLogger]
CALLS = ("log_metrics", "save", "finalize", "log_outcome", "finish")
CONFIG = {"seed": 42, "optimizer": {"lr": 3e-5}, "data": {"path": None}}


def run_folder(path: Path, name: str = "run") -> Path:
    (path / name).mkdir(exist_ok=True)
    return path / name


def files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


class LoggerContract(Contract):
    """Members: names that the fixture `make` knows, each the `title` of its logger."""

    @pytest.fixture
    def make(self, member: str, tmp_path: Path) -> Make:
        """make(folder): a started logger of the run in that folder."""
        raise NotImplementedError

    def fenced(self, member: str, make: Make, folder: Path) -> FailsafeLogger:
        return FailsafeLogger(member, folder, lambda: make(folder))

    def test_a_fit_its_outcome_and_its_end_are_logged_without_a_warning(
        self, member: str, make: Make, fit: Any, outcome: Outcome, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = run_folder(tmp_path)
        before = files_of(tmp_path)
        logger = self.fenced(member, make, folder)
        fit([logger], epochs=1)
        logger.log_outcome(outcome)
        logger.finish("completed")
        assert not logger.failed
        assert [record for record in caplog.records if record.name == "lab.loggers.failsafe"] == []
        assert files_of(tmp_path) > before, "something is kept"
        assert lost(folder) == {}

    def test_lightning_writes_into_the_run_folder(self, member: str, make: Make, tmp_path: Path) -> None:
        folder = run_folder(tmp_path)
        logger = make(folder)
        assert logger.name == logger.title == member
        assert Path(logger.save_dir or "") == folder
        assert logger.version
        logger.finish("completed")

    def test_every_status_is_an_end(self, member: str, make: Make, outcome: Outcome, tmp_path: Path) -> None:
        statuses = [*sorted(ENDED_WELL), "failed", "interrupted"]
        for status in statuses:
            logger = self.fenced(member, make, run_folder(tmp_path, status))
            if status in ENDED_WELL:
                logger.log_outcome(outcome)
            logger.finish(status, "for a reason")  # type: ignore[arg-type]
            assert not logger.failed, status

    def test_a_resumed_run_has_the_same_id_and_two_runs_have_two(self, member: str, make: Make, tmp_path: Path) -> None:
        folder = run_folder(tmp_path)
        first = make(folder)
        first.log_metrics({"val/loss": 1.0}, 1)
        first.finish("interrupted")
        RunFolder(folder).append_history({"epoch": 0, "step": 1, "val/loss": 1.0})
        known = recall(folder, member)
        again = make(folder)
        again.log_metrics({"val/loss": 0.5}, 2)
        again.finish("completed")
        assert again.version == first.version
        assert recall(folder, member) == known
        assert known in (None, first.version), "a tracking service's id is kept in the folder"
        other = make(run_folder(tmp_path, "other"))
        other.finish("completed")
        assert other.version != first.version

    @pytest.mark.parametrize("call", CALLS)
    def test_a_call_that_fails_costs_one_warning_and_nothing_else(
        self,
        member: str,
        make: Make,
        call: str,
        outcome: Outcome,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        folder = run_folder(tmp_path)
        inner = make(folder)
        failures: list[str] = []
        finish = inner.finish

        def broken(*_: Any, **__: Any) -> None:
            failures.append(call)
            raise ConnectionError("no route\nto host")

        monkeypatch.setattr(inner, call, broken)
        logger = FailsafeLogger(member, folder, lambda: inner)
        for step in range(2):
            logger.log_metrics({"val/loss": 1.0}, step)
            logger.save()
        logger.finalize("success")
        logger.log_outcome(outcome)
        logger.finish("completed")
        if call == "finish":
            finish("completed")
        warnings = [record.getMessage() for record in caplog.records if record.name == "lab.loggers.failsafe"]
        assert len(warnings) == 1
        assert member in warnings[0]
        assert "no route to host" in warnings[0]
        assert failures == [call], "it is off after its failure"
        assert logger.failed
        assert list(lost(folder)) == [member]

    def test_one_that_cannot_start_is_off(
        self, member: str, make: Make, outcome: Outcome, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = run_folder(tmp_path)

        def no_start() -> RunLogger:
            raise ConnectionError("no route to host")

        logger = FailsafeLogger(member, folder, no_start)
        logger.log_metrics({"val/loss": 1.0}, 1)
        logger.log_outcome(outcome)
        logger.finish("completed")
        assert caplog.text.count(f"logger {member} could not start") == 1
        assert list(lost(folder)) == [member]
        again = self.fenced(member, make, folder)
        again.log_metrics({"val/loss": 1.0}, 1)
        again.finish("completed")
        assert not again.failed, "the resumed run logs again"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow takes seconds to make the tables of a new database, so all tests share one."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


class TestLoggers(LoggerContract):
    members = ("csv", "extra", "mlflow", "tensorboard", "wandb")

    @pytest.fixture
    def make(self, member: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
        monkeypatch.chdir(tmp_path)
        if member in ("mlflow", "tensorboard"):
            pytest.importorskip(member)

        def started(folder: Path) -> RunLogger:
            if member == "csv":
                return CsvLogger(folder)
            if member == "extra":
                return ExtraLogger("extra", folder, CSVLogger(folder), CONFIG)
            if member == "tensorboard":
                from lab.loggers.tensorboard import TensorboardLogger

                return TensorboardLogger(folder, {})
            if member == "mlflow":
                from lab.loggers.mlflow import MlflowLogger

                settings = Mlflow(experiment="contract", tracking_uri=store, log_checkpoint=False)
                return MlflowLogger(settings, folder, CONFIG, folder.name, {})
            from lab.loggers.wandb import WandbLogger

            offline = Wandb(
                project="lab", entity=None, group=None, mode="offline", log_checkpoint=False, prediction_rows=4
            )
            return WandbLogger(offline, folder, CONFIG, folder.name, None, [])

        return started
