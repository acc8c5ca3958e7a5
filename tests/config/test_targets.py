"""Classes named by `_target_`: only of a slot's type, from known packages or plug-ins, with arguments that exist."""

import functools
from typing import Any

import pytest
import torch

from lab.config import plugins, targets
from lab.config.targets import CALLBACK, LOSS, METRIC, MODULE, OPTIMIZER, SCHEDULER, Slot

HERE = "tests.training.tasks.template_module"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_LOADED", {})
    plugins.load([HERE])


def problems(node: dict[str, Any], slot: Slot = CALLBACK) -> list[str]:
    return [f"{m.key}: {m.problem}" for m in targets._mistakes("x", node, slot, nested=False)]


@pytest.mark.parametrize(
    ("address", "slot"),
    [
        ("lightning.pytorch.callbacks.LearningRateMonitor", CALLBACK),
        ("lightning.pytorch.callbacks.ModelSummary", CALLBACK),
        ("torch.optim.SGD", OPTIMIZER),
        ("torch.optim.lr_scheduler.CosineAnnealingWarmRestarts", SCHEDULER),
        ("transformers.get_inverse_sqrt_schedule", SCHEDULER),
        ("torchmetrics.classification.MulticlassAUROC", METRIC),
        ("torch.nn.MultiMarginLoss", LOSS),
    ],
)
def test_classes_of_a_slots_type_are_taken(address: str, slot: Slot) -> None:
    arguments = {"T_0": 3} if "Restarts" in address else {}
    assert problems({"_target_": address} | arguments, slot) == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("os.system", "is in none of"),
        ("subprocess.Popen", "is in none of"),
        ("torch.hub.load", "is no class"),
        ("torch.load", "is no class"),
        ("lightning.pytorch.LightningModule.load_from_checkpoint", "is no class"),
        ("lightning.pytorch.callbacks.progress.rich_progress.os.system", "cannot be imported"),
        ("torch.nn.Linear", "is no callback"),
        ("lightning.pytorch.callbacks.LearningRateMonitr", "cannot be imported"),
        ("some_module.Thing", "is in none of"),
        (f"{HERE}.DenseNet", "is no callback"),
    ],
)
def test_everything_else_is_refused(address: str, reason: str) -> None:
    (problem,) = problems({"_target_": address})
    assert problem.startswith("x._target_")
    assert reason in problem or "is no" in problem


def test_arguments_are_checked_against_the_signature() -> None:
    node = {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor", "logging_intervall": "step", "nothing": 1}
    first, second = targets._mistakes("x", node, CALLBACK, nested=False)
    assert first.remedy == "x.logging_interval=step"
    assert second.remedy == "leave out x.nothing"
    (missing,) = problems({"_target_": "torch.optim.lr_scheduler.StepLR"}, SCHEDULER)
    assert "x.step_size" in missing


def test_nodes_inside_nodes_and_lists_are_checked_alike() -> None:
    node = {
        "_target_": f"{HERE}.DigitsModule",
        "net": {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "torch.hub.load"}]},
        "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "learning": 1},
    }
    result = problems(node, MODULE)
    assert [problem.partition(":")[0] for problem in result] == ["x.net._args_.0._target_", "x.optimizer.learning"]


def test_partial_and_positional_are_for_inner_nodes() -> None:
    result = problems({"_target_": "lightning.pytorch.callbacks.Timer", "_partial_": True, "_args_": [1]})
    assert {problem.partition(":")[0] for problem in result} == {"x._partial_", "x._args_"}


@pytest.mark.filterwarnings("ignore:Attribute 'net'")
def test_objects_are_made_with_what_lab_gives_them() -> None:
    node = {
        "_target_": f"{HERE}.DigitsModule",
        "net": {"_target_": f"{HERE}.DenseNet", "lin1_size": 8},
        "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.25},
    }
    module = targets.make("model", node, lr=3)
    assert module.net.model[0].out_features == 8
    assert isinstance(module.hparams.optimizer, functools.partial)
    made = module.hparams.optimizer(params=module.parameters())
    assert (type(made), made.defaults["lr"]) == (torch.optim.Adam, 0.25)


def test_a_constructor_that_refuses_is_a_wrong_request() -> None:
    with pytest.raises(targets.RequestError, match=r"x: lightning.*LearningRateMonitor cannot be made"):
        targets.make("x", {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor", "logging_interval": "year"})
