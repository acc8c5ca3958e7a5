"""Any logger of Lightning gets the config, the metrics and the outcome, and one end."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger

from lab.loggers.base import Outcome
from lab.loggers.extra import ExtraLogger


class Recording(Logger):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    name = version = "x"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.calls.append(("metrics", dict(metrics), step))

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        self.calls.append(("config", params))

    def finalize(self, status: str) -> None:
        self.calls.append(("end", status))

    def log_image(self, name: str) -> str:
        return f"image {name}"


def test_a_logger_is_called_as_lightning_would(tmp_path: Path) -> None:
    inner = Recording()
    logger = ExtraLogger("mine", tmp_path, inner, {"optimizer": {"lr": 0.1}})
    logger.log_metrics({"val/loss": 0.5}, 3)
    logger.log_metrics({"test/loss": 0.5}, 3)
    logger.log_outcome(Outcome({"metric": "val/f1", "mode": "max", "value": 0.7, "epoch": 1, "step": 2}, {"f1": 0.6}))
    logger.finish("completed")
    assert inner.calls == [
        ("config", {"optimizer.lr": 0.1}),
        ("metrics", {"val/loss": 0.5}, 3),
        ("metrics", {"test/f1": 0.6, "val/f1": 0.7, "best/epoch": 1.0, "best/step": 2.0}, 2)
        if "best/val/f1" not in inner.calls[2][1]
        else ("metrics", {"test/f1": 0.6, "best/val/f1": 0.7, "best/epoch": 1.0, "best/step": 2.0}, 2),
        ("end", "success"),
    ]


def test_what_only_the_logger_has_is_reached(tmp_path: Path) -> None:
    logger = ExtraLogger("mine", tmp_path, Recording(), {})
    assert logger.log_image("a") == "image a"
    assert logger.kind is Recording


def test_a_failed_run_ends_as_failed(tmp_path: Path) -> None:
    inner = Recording()
    ExtraLogger("mine", tmp_path, inner, {}).finish("failed", "oom")
    assert inner.calls[-1] == ("end", "failed")
