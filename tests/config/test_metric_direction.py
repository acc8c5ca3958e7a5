"""Which way a metric improves, from its name or from the class of an extra metric."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.config.metric_direction import direction, with_mode


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


def test_a_custom_modules_metric_is_known_by_its_name_only_if_it_is_a_loss() -> None:
    assert direction("val/acc", {}, custom=True) is None
    assert direction("val/loss", {}, custom=True) == direction("val/hinge_loss", {}, custom=True) == "min"


def test_a_class_that_no_metric_may_name_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unnamed_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert direction("val/mine", extra("unnamed_module.Metric")) is None


def config(metric: str, mode: str | None, kind: str = "files", **nodes: Any) -> dict[str, Any]:
    return {"objective": {"metric": metric, "mode": mode}, "data": {"kind": kind}, "metrics": {"extra": nodes}}


@pytest.mark.parametrize(
    ("plain", "mode"),
    [
        (config("val/loss", None), "min"),
        (config("val/f1_macro", None), "max"),
        (config("val/mine", None, mine={"_target_": "torchmetrics.MeanSquaredError"}), "min"),
        (config("val/a/mine", None, mine={"_target_": "torchmetrics.Accuracy"}), "max"),
        (config("val/acc", "min", "custom"), "min"),
        (config("val/loss", None, "custom"), "min"),
    ],
)
def test_a_null_mode_is_the_metrics_own_direction(plain: dict[str, Any], mode: str) -> None:
    filled, mistakes = with_mode(plain)
    assert (filled["objective"]["mode"], mistakes) == (mode, [])


@pytest.mark.parametrize(
    "plain",
    [config("val/acc", None, "custom"), config("val/mine", None, mine={"_target_": "torchmetrics.MeanMetric"})],
)
def test_a_direction_that_nothing_says_is_typed(plain: dict[str, Any]) -> None:
    filled, (mistake,) = with_mode(plain)
    assert filled["objective"]["mode"] == "max"  # so that all other keys are judged, too
    assert (mistake.key, mistake.remedy) == ("objective.mode", "objective.mode=max, or objective.mode=min")


def test_a_wrong_metric_is_the_only_mistake() -> None:
    assert with_mode(config("val/mine", None, mine={"_target_": "os.system"}))[1] == []
    assert with_mode(config("test/acc", None, "custom"))[1] == []


@pytest.mark.parametrize("module", ["check", "targets", "plugins", "metric_direction"])
def test_each_module_can_be_imported_first(module: str) -> None:
    code = f"import lab.config.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
