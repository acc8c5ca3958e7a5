"""Event files read back with TensorBoard's own reader."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.loggers.base import Outcome
from lab.loggers.tensorboard import TensorboardLogger

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_a_fit_and_its_outcome(tmp_path: Path, fit: Callable[..., None], outcome: Outcome) -> None:
    logger = TensorboardLogger(tmp_path)
    fit([logger], epochs=2)
    logger.log_outcome(outcome)
    logger.finish("completed")
    kept = scalars(tmp_path)
    assert [step for step, _ in kept["val/f1_macro"]] == [4, 9]
    assert [step for step, _ in kept["lr"]] == [4, 9]
    assert kept["test/accuracy"] == [(9, 0.5)]
    assert [path for path in tmp_path.iterdir() if path.name != "best.ckpt"] == list(tmp_path.glob("events.out.*"))


def test_a_resumed_run_replaces_the_steps_it_writes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host, steps, value in (("first", range(4), 1.0), ("second", range(2, 6), 2.0)):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        logger = TensorboardLogger(tmp_path)
        for step in steps:
            logger.log_metrics({"lr": value}, step)
        logger.finish("completed")
    assert scalars(tmp_path)["lr"] == [(0, 1.0), (1, 1.0), *((step, 2.0) for step in range(2, 6))]
