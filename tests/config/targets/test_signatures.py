"""The arguments of classes and functions, through `**kwargs` and a `__new__` that makes another class."""

import inspect
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor
from torch.optim.swa_utils import AveragedModel
from torchmetrics import Accuracy, MeanMetric, Metric

from lab.config.targets.signatures import PASSED_ON, ROOTS, located, parameters, qualified


class Narrow(Callback):
    def __init__(self, width: int) -> None:
        self.width = width


class Wide(Narrow):
    def __init__(self, depth: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth


class Silent(LightningModule):
    pass


def test_arguments_with_whether_they_are_required() -> None:
    assert parameters(Narrow) == ({"width": True}, False)
    assert parameters(Wide) == ({"depth": False, "width": False}, True)  # a plug-in may use its **kwargs itself
    assert parameters(Silent) == ({}, False)
    assert "logging_interval" in parameters(LearningRateMonitor)[0]
    assert parameters(torch.nn.functional.relu) == ({"input": True, "inplace": False}, False)


def test_keyword_arguments_that_are_passed_on() -> None:
    names, takes_any = parameters(EMAWeightAveraging)
    assert {"decay", "device", "avg_fn"} <= {*names}
    assert not takes_any
    names, takes_any = parameters(Accuracy)
    assert names["task"]
    assert not names["compute_on_cpu"]
    assert not takes_any


@pytest.mark.parametrize("address", [*PASSED_ON, *ROOTS])
def test_each_class_of_the_tables_is_there(address: str) -> None:
    assert qualified(located(address)) == address


def test_a_metric_takes_each_name_of_the_table() -> None:
    defaults = {
        "compute_on_cpu": False,
        "dist_sync_on_step": False,
        "sync_on_compute": True,
        "compute_with_cache": True,
    }
    names = PASSED_ON[qualified(Metric)]
    assert MeanMetric(**dict.fromkeys(names) | defaults)
    assert {*PASSED_ON["lightning.pytorch.callbacks.weight_averaging.WeightAveraging"]} <= {
        *inspect.signature(AveragedModel).parameters
    }
