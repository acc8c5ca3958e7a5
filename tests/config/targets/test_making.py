"""Objects of nodes: with what `lab` gives them, and refused where their constructor refuses."""

import functools

import pytest
import torch

from lab.config import plugins, targets
from lab.core.errors import RequestError

HERE = "tests.training.tasks.template_module"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_LOADED", {})
    plugins.load([HERE])


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
    with pytest.raises(RequestError, match=r"x: lightning.*LearningRateMonitor cannot be made"):
        targets.make("x", {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor", "logging_interval": "year"})
