"""Names of metrics are checked before the first epoch."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Config
from lab.core.errors import RequestError
from lab.training.tasks.base import check_metrics

CONF = Path(__file__).parents[3] / "conf"
NAMES = ["auc", "causa/auc", "causa/f1_macro", "f1_macro", "loss"]


def watching(metric: str) -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", [f"callbacks.early_stopping.metric={metric}"]))


@pytest.mark.parametrize("metric", ["f1_macro", "val/f1_macro", "train/loss", "causa/auc", "val/causa/auc"])
def test_a_logged_metric_is_accepted(metric: str) -> None:
    check_metrics(watching(metric), NAMES)


@pytest.mark.parametrize("metric", ["train/auc", "train/causa/auc", "val/train/f1_macro", "train/val/loss"])
def test_any_other_metric_is_refused(metric: str) -> None:
    config = watching(metric)
    with pytest.raises(RequestError, match=r"no such metric; there are auc, causa/auc") as error:
        check_metrics(config, NAMES)
    assert "callbacks.early_stopping.metric=" in str(error.value)
