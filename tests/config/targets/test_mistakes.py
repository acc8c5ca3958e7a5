"""Classes named by `_target_`: only of a slot's type, from known packages or plug-ins, with arguments that exist."""

from typing import Any

import pytest

from lab.config import plugins
from lab.config.targets.mistakes import _mistakes, mistakes
from lab.config.targets.slots import CALLBACK, LOGGER, LOSS, METRIC, MODULE, OPTIMIZER, SCHEDULER, Slot

HERE = "tests.training.tasks.template_module"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_LOADED", {})
    plugins.load([HERE])


def problems(node: dict[str, Any], slot: Slot = CALLBACK) -> list[str]:
    return [f"{m.key}: {m.problem}" for m in _mistakes("x", node, slot, nested=False)]


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
    first, second = _mistakes("x", node, CALLBACK, nested=False)
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


def of_optimizer(address: str, weight_decay: float) -> list[str]:
    own = {"kind": "custom", "lr": 1e-3, "weight_decay": weight_decay, "layer_decay": 1.0, "head_lr": None}
    return [mistake.remedy for mistake in mistakes({"optimizer": {**own, "_target_": address}}, set())]


def test_an_optimizer_reads_the_rate_and_the_decay_that_are_set() -> None:
    assert of_optimizer("torch.optim.RMSprop", 0.01) == of_optimizer("torch.optim.Rprop", 0.0) == []
    assert of_optimizer("torch.optim.Rprop", 0.01) == ["optimizer.weight_decay=0"]
    assert of_optimizer(f"{HERE}.FixedRate", 0.0) == ["an optimizer that takes lr"]


@pytest.mark.parametrize(
    ("address", "slot", "argument", "remedy"),
    [
        ("torchmetrics.classification.MulticlassAUROC", METRIC, "averge", "x.average=1"),
        ("torchmetrics.Accuracy", METRIC, "averge", "x.average=1"),
        ("torchmetrics.Accuracy", METRIC, "sync_on_comput", "x.sync_on_compute=1"),
        ("lightning.pytorch.callbacks.EMAWeightAveraging", CALLBACK, "decy", "x.decay=1"),
        ("lightning.pytorch.callbacks.WeightAveraging", CALLBACK, "avg_function", "x.avg_fn=1"),
        ("lightning.pytorch.callbacks.RichModelSummary", CALLBACK, "depth", "x.max_depth=1"),
        ("lightning.pytorch.loggers.TensorBoardLogger", LOGGER, "flush_sec", "x.flush_secs=1"),
        (f"{HERE}.Quiet", CALLBACK, "enabled", "leave out x.enabled"),
    ],
)
def test_a_misspelt_keyword_argument_is_a_mistake(address: str, slot: Slot, argument: str, remedy: str) -> None:
    (mistake,) = _mistakes("x", {"_target_": address, argument: 1}, slot, nested=False)
    assert mistake.remedy == remedy
    if remedy.startswith("x."):
        right = remedy.removeprefix("x.").partition("=")[0]
        assert problems({"_target_": address, right: 1}, slot) == []
