"""A logger that fails at any point costs one warning, never the run."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lightning_utilities.core.rank_zero import rank_zero_only

from lab.core.record.fields import Status
from lab.loggers.base import Outcome, RunLogger
from lab.loggers.failsafe import FailsafeLogger

CALLS = ["log_metrics", "save", "finalize", "log_outcome", "finish"]


class Fragile(RunLogger):
    """Notes every call and fails at the call named `breaks_at`."""

    title = "fragile"

    def __init__(self, folder: Path, breaks_at: str | None, error: BaseException | None = None) -> None:
        super().__init__(folder)
        self.calls: list[str] = []
        self.steps: list[int | None] = []
        self.breaks_at = breaks_at
        self.error = error or OSError(28, "No space left on device")

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.breaks_at:
            raise self.error

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._note("log_metrics")
        self.steps.append(step)

    def save(self) -> None:
        self._note("save")

    def finalize(self, status: str) -> None:
        self._note("finalize")

    def log_outcome(self, outcome: Outcome) -> None:
        self._note("log_outcome")

    def finish(self, status: Status, reason: str = "") -> None:
        self._note("finish")


@pytest.mark.parametrize("breaks_at", CALLS)
def test_a_failing_logger_costs_one_warning_and_nothing_else(
    tmp_path: Path, fit: Callable[..., None], outcome: Outcome, caplog: pytest.LogCaptureFixture, breaks_at: str
) -> None:
    broken, sound = Fragile(tmp_path, breaks_at), Fragile(tmp_path, None)
    loggers = [FailsafeLogger("fragile", tmp_path, lambda: broken), FailsafeLogger("sound", tmp_path, lambda: sound)]
    fit(loggers, epochs=2)
    for logger in loggers:
        logger.log_outcome(outcome)
        logger.finish("completed")
    warnings = [record.getMessage() for record in caplog.records if record.name == "lab.loggers.failsafe"]
    assert len(warnings) == 1
    assert "fragile" in warnings[0]
    assert "No space left on device" in warnings[0]
    assert broken.calls.count(breaks_at) == 1, "switched off after its failure"
    assert broken.calls[-1] == "finish", "closed all the same"
    assert set(sound.calls) == set(CALLS)
    assert sound.calls.count("log_metrics") > 2
    assert [logger.failed for logger in loggers] == [True, False]


def test_a_logger_that_cannot_start_is_off(
    tmp_path: Path, fit: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> RunLogger:
        raise ConnectionError("no route\nto host")

    logger = FailsafeLogger("mlflow", tmp_path, make)
    fit([logger], epochs=1)
    logger.finish("completed")
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "mlflow could not start" in warning.getMessage()
    assert "no route to host" in warning.getMessage()


def test_finish_is_called_once(tmp_path: Path) -> None:
    inner = Fragile(tmp_path, None)
    logger = FailsafeLogger("fragile", tmp_path, lambda: inner)
    logger.finish("failed")
    logger.finish("completed")
    assert inner.calls == ["finish"]


def test_steps_are_counted_as_in_the_record(tmp_path: Path) -> None:
    inner = Fragile(tmp_path, None)
    logger = FailsafeLogger("fragile", tmp_path, lambda: inner)
    logger.log_metrics({"val/loss": 1.0}, 4)
    logger.log_metrics({"val/loss": 1.0}, None)
    assert inner.steps == [5, None]


def test_an_interrupt_passes_through(tmp_path: Path) -> None:
    logger = FailsafeLogger("fragile", tmp_path, lambda: Fragile(tmp_path, "log_metrics", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        logger.log_metrics({"val/loss": 1.0}, 1)


def test_only_the_main_process_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Fragile(tmp_path, None)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = FailsafeLogger("fragile", tmp_path, lambda: inner)
    logger.log_metrics({"val/loss": 1.0}, 1)
    logger.finish("completed")
    assert inner.calls == []


class Page:
    """An experiment whose `add` fails on request."""

    fails = False

    def __init__(self) -> None:
        self.title = "page"
        self.added: list[int] = []

    def add(self, number: int) -> int:
        if self.fails:
            raise ConnectionError("no route to host")
        self.added.append(number)
        return number


class Paged(Fragile):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, None)
        self.experiment = Page()

    def watch(self, number: int) -> int:
        return self.experiment.add(number)


def test_isinstance_and_the_experiment_are_those_of_the_logger_inside(tmp_path: Path) -> None:
    inner = Paged(tmp_path)
    logger = FailsafeLogger("paged", tmp_path, lambda: inner)
    assert isinstance(logger, Paged)
    assert isinstance(logger, FailsafeLogger)
    assert not isinstance(FailsafeLogger("other", tmp_path, lambda: Fragile(tmp_path, None)), Paged)
    assert isinstance(logger.experiment, Page)
    assert (logger.experiment.title, logger.experiment.add(1), logger.watch(2)) == ("page", 1, 2)
    logger.experiment.title = "renamed"
    assert (inner.experiment.title, inner.experiment.added) == ("renamed", [1, 2])
    with pytest.raises(AttributeError):
        logger.nothing  # noqa: B018


@pytest.mark.parametrize("call", ["experiment", "logger"])
def test_a_call_of_the_experiment_that_fails_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    inner = Paged(tmp_path)
    logger = FailsafeLogger("paged", tmp_path, lambda: inner)
    experiment = logger.experiment
    inner.experiment.fails = True
    assert (experiment.add(1) if call == "experiment" else logger.watch(1)) is None
    inner.experiment.fails = False
    assert (experiment.add(2), logger.experiment.add(3), logger.watch(4), logger.unknown(5)) == (None,) * 4
    logger.log_metrics({"val/loss": 1.0}, 1)
    logger.finish("completed")
    assert (inner.experiment.added, inner.calls) == ([], ["finish"])
    assert isinstance(logger, Paged)
    assert [record.getMessage() for record in caplog.records if "no route to host" in record.getMessage()] != []
    assert len(caplog.records) == 1


def test_a_logger_that_could_not_start_takes_every_call(tmp_path: Path) -> None:
    def make() -> RunLogger:
        raise ConnectionError

    logger = FailsafeLogger("paged", tmp_path, make)
    assert logger.experiment.add(1) is None
    assert logger.watch(1) is None
    assert (logger.name, logger.version) == ("paged", tmp_path.name)


def test_lightning_reaches_the_logger_through_the_fence(tmp_path: Path) -> None:
    heard: list[object] = []

    class Hears(Fragile):
        def after_save_checkpoint(self, checkpoint_callback: object) -> None:
            heard.append(checkpoint_callback)

        def log_hyperparams(self, *params: object, **_: object) -> None:
            heard.append(params)

        def log_graph(self, *model: object, **_: object) -> None:
            heard.append(model)

    logger = FailsafeLogger("hears", tmp_path, lambda: Hears(tmp_path, None))
    logger.after_save_checkpoint("callback")  # type: ignore[arg-type]
    logger.log_hyperparams({"lr": 1})
    logger.log_graph("model")
    assert heard == ["callback", ({"lr": 1},), ("model",)]
