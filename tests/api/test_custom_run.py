"""A run of a module of one's own, trained and loaded again from Python."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import lab
from lab.config import plugins
from lab.core.errors import RequestError

EXAMPLE = Path("examples/plugins/digits.py").absolute()
LINE = ["plugins=[api_digits]", "model=custom", "model._target_=api_digits.Digits", "data=custom", "logger=csv",
        "data._target_=api_digits.DigitsData", "data.metric=val/acc", "objective.mode=max", "+data.num_rows=200",
        "trainer.max_epochs=1", "trainer.threads=1", "trainer.accelerator=cpu", "callbacks.curves.png=false",
        "+model.width=8"]  # fmt: skip


@pytest.fixture
def none_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh process."""
    monkeypatch.setattr(plugins, "_LOADED", {})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("custom")
    shutil.copy(EXAMPLE, folder / "api_digits.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield lab.train(LINE, folder / "run")


@pytest.mark.usefixtures("none_imported")
def test_its_model_needs_its_plugins_again(run: lab.Run) -> None:
    with pytest.raises(RequestError) as caught:
        _ = lab.load(run.folder).model
    (mistake,) = caught.value.mistakes
    assert mistake.remedy == f"lab.load({str(run.folder)!r}, plugins=['api_digits'])"


@pytest.mark.usefixtures("none_imported")
def test_its_model_is_the_module_with_the_best_weights(run: lab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.folder.parent)
    again = lab.load(run.folder, plugins=["api_digits"])
    best = torch.load(run.folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert type(again.model).__name__ == "Digits"
    assert not again.model.training
    assert again.model.net(torch.zeros(2, 64)).shape == (2, 10)
    assert all(torch.equal(value, best[name]) for name, value in again.model.state_dict().items())
    assert again.config.model.model_dump()["width"] == 8


@pytest.mark.usefixtures("none_imported")
def test_changed_code_is_named(run: lab.Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.chdir(run.folder.parent)
    again = lab.load(run.folder, plugins=["api_digits"])
    (plugin,) = plugins.loaded(["api_digits"])
    monkeypatch.setitem(plugins._LOADED, "api_digits", replace(plugin, sha256="another"))
    with caplog.at_level(logging.WARNING):
        _ = again.model
    assert "api_digits has changed since this run" in caplog.text
