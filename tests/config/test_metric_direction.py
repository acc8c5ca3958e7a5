"""Which way a metric improves, from its name or from the class of an extra metric."""

import subprocess
import sys

import pytest

from lab.config.metric_direction import direction


def extra(address: str) -> dict[str, dict[str, str]]:
    return {"mine": {"_target_": address}}


@pytest.mark.parametrize(("metric", "expected"), [("val/loss", "min"), ("val/f1_macro", "max"), ("val/a/loss", "min")])
def test_the_tasks_own_metrics_go_by_their_name(metric: str, expected: str) -> None:
    assert direction(metric, {}) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("torchmetrics.MeanSquaredError", "min"),
        ("torchmetrics.classification.MulticlassAccuracy", "max"),
        ("torchmetrics.Accuracy", "max"),
        ("torchmetrics.HammingDistance", "min"),
        ("torchmetrics.MeanMetric", None),
    ],
)
def test_an_extra_metric_goes_by_its_class(address: str, expected: str | None) -> None:
    assert direction("val/mine", extra(address)) == expected


@pytest.mark.parametrize("module", ["check", "targets", "plugins", "metric_direction"])
def test_each_module_can_be_imported_first(module: str) -> None:
    code = f"import lab.config.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
