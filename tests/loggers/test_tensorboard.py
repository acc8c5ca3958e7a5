"""Event files read back with TensorBoard's own reader."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image

from lab.loggers.base import Outcome
from lab.loggers.tensorboard import TensorboardLogger

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
HParamsPluginData = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2").HParamsPluginData


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


CONFIG = {"seed": 42, "optimizer": {"lr": 3e-5, "betas": [0.9, 0.999]}, "resume": None}


def test_a_fit_and_its_outcome(tmp_path: Path, fit: Callable[..., None], outcome: Outcome) -> None:
    logger = TensorboardLogger(tmp_path, CONFIG)
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
        logger = TensorboardLogger(tmp_path, CONFIG)
        for step in steps:
            logger.log_metrics({"lr": value}, step)
        logger.finish("completed")
    assert scalars(tmp_path)["lr"] == [(0, 1.0), (1, 1.0), *((step, 2.0) for step in range(2, 6))]


def test_figures_are_images_and_the_config_is_hyperparameters(tmp_path: Path, outcome: Outcome) -> None:
    (tmp_path / "figures").mkdir()
    for name, colour in (("curves", "red"), ("confusion_causa", "blue")):
        Image.new("RGBA", (6, 4), colour).save(tmp_path / "figures" / f"{name}.png")
    logger = TensorboardLogger(tmp_path, CONFIG)
    logger.log_outcome(outcome)
    logger.finish("completed")
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["images"]) == ["figures/confusion_causa", "figures/curves"]
    (image,) = events.Images("figures/curves")
    assert (image.step, image.width, image.height) == (9, 6, 4)
    assert Image.open(io.BytesIO(image.encoded_image_string)).getpixel((0, 0)) == (255, 0, 0)
    result = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(result).session_start_info.hparams
    assert values["optimizer.lr"].number_value == pytest.approx(3e-5)
    assert values["optimizer.betas"].string_value == "[0.9, 0.999]"
    experiment = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/experiment").plugin_data.content)
    names = {info.name.tag for info in experiment.experiment.metric_infos}
    assert {"test/accuracy", "best/val/f1_macro"} <= names
    assert scalars(tmp_path)["test/accuracy"] == [(9, 0.5)], "a point, once"


def test_it_is_lightnings_tensorboard_logger(tmp_path: Path) -> None:
    logger = TensorboardLogger(tmp_path, CONFIG)
    assert isinstance(logger, TensorBoardLogger)
    logger.experiment.add_scalar("own", 0.5, 3)
    logger.finalize("success")
    logger.experiment.add_scalar("own", 0.75, 4)
    logger.finish("completed")
    assert scalars(tmp_path)["own"] == [(3, 0.5), (4, 0.75)]
    assert len(list(tmp_path.iterdir())) == 1, "one event file, and no hparams.yaml beside config.yaml"
