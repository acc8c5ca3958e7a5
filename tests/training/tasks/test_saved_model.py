"""A run folder gives its model without its data: for each task, its outputs are those of the trained model."""

import csv
import json
import shutil
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.errors import RequestError
from lab.training import train as training
from lab.training.tasks import select
from lab.training.tasks.base import Material
from lab.training.tasks.saved_model import load_model

CONF = Path(__file__).parents[3] / "conf"
QUICK = ["trainer.max_epochs=1", "trainer.threads=1", "trainer.accelerator=cpu", "logger=csv",
         "callbacks.curves.png=false", "baselines.enabled=false"]  # fmt: skip
TINY = ["data.batch_size=16", "model.architecture.hidden_size=16", "model.architecture.intermediate_size=16",
        "model.vocabulary_size=300"]  # fmt: skip
WINDOWS = ["data=rainfall", "data.hours=600", "data.stations=2", "data.window=24"]
RUNS = {
    "texts of a file": ["data=csv", "data.path=FILE", "data.text=[text]", "data.labels=[cause]", *TINY],
    "texts with adapters": ["data.num_rows=120", "peft=lora", "peft.r=2", *TINY],
    "questions": ["data=qa_demo", "data.num_contexts=30", "data.max_length=64", "data.stride=16", *TINY],
    "series with fitted features": [*WINDOWS, "model=minirocket", "model.num_features=168"],
    "series without labels": [*WINDOWS, "model=timer_xl", "model.pretrain=true", "model.patch=4", "model.width=16",
                              "model.num_heads=2", "model.num_layers=1", "model.ffn_width=16", "model.causal=true",
                              "data.missing_values=drop", "objective.metric=val/loss", "objective.mode=min"],
}  # fmt: skip


def write_texts(path: Path) -> None:
    words = {"leak": ("drips", "puddle"), "wear": ("shakes", "noise")}
    rows = [(f"pump {number} {words[cause][number % 2]}", cause) for number in range(60) for cause in words]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "cause"), *rows])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any, Any]]:
    """Name of a run -> its folder, a test batch, and the outputs of the trained model; its data are deleted by then."""
    runs: dict[str, tuple[Path, Any, Any]] = {}

    def run(name: str) -> tuple[Path, Any, Any]:
        if name not in runs:
            runs[name] = _trained(RUNS[name], tmp_path_factory.mktemp("run"))
        return runs[name]

    return run


def _trained(settings: list[str], place: Path) -> tuple[Path, Any, Any]:
    file, materials = place / "texts.csv", list[Material]()
    write_texts(file)
    overrides = [*(word.replace("FILE", str(file)) for word in settings), *QUICK, f"cache.dir={place / 'cache'}"]
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", overrides))

    def prepare(*args: Any, **options: Any) -> Material:
        materials.append(select.prepare(*args, **options))
        return materials[0]

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(training, "prepare", prepare)
        training.train(config, place / "run", "python train.py")
    batch = next(iter(materials[0].data.test_dataloader()))
    outputs = _outputs(materials[0].model.eval(), batch)
    file.unlink()
    shutil.rmtree(place / "cache", ignore_errors=True)
    return place / "run", batch, outputs


@torch.no_grad()
def _outputs(model: Any, batch: Any) -> list[torch.Tensor]:
    outputs = model(batch)
    return outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize("name", RUNS)
def test_a_model_is_loaded_without_its_data(
    trained: Callable[[str], tuple[Path, Any, Any]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if "adapters" in name and find_spec("peft") is None:
        pytest.skip("the package peft is not installed")
    folder, batch, expected = trained(name)
    monkeypatch.setattr(select, "load_data", lambda *_: pytest.fail("read the data"))
    model = load_model(folder)
    assert not model.training
    actual = _outputs(model, batch)
    assert len(actual) == len(expected)
    assert all(torch.equal(tensor, other) for tensor, other in zip(actual, expected, strict=True))
    assert load_model(folder, "last").state_dict().keys() == model.state_dict().keys()


def _change(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


def _of_another_task(text: str) -> str:
    return json.dumps({"kind": "series", "heads": json.loads(text)["heads"], "channels": ["x"], "length": 3})


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no spec.json": (lambda folder: (folder / "spec.json").unlink(), "spec.json cannot be read"),
    "spec.json cut": (_change("spec.json", lambda text: text[:40]), "no JSON"),
    "spec.json of another task": (_change("spec.json", _of_another_task), "of another task"),
    "spec.json with a head more": (
        _change("spec.json", lambda text: text.replace('"leak"', '"leak", "x"')), "3 classes and 2 counts"),
    "no checkpoint": (lambda folder: (folder / "checkpoints" / "best.ckpt").unlink(), "run=.*best.ckpt is missing"),
    "no tokenizer": (lambda folder: shutil.rmtree(folder / "tokenizer"), "tokenizer is gone"),
    "no config.yaml": (lambda folder: (folder / "config.yaml").unlink(), "config.yaml cannot be read"),
    "another user's config.yaml": (
        _change("config.yaml", lambda text: text.replace("experiment_name: ", "experiment_name: ${oc.env:HOME}")),
        "experiment_name.*not written by you"),
    "config.yaml with more than settings": (
        _change("config.yaml", lambda text: text + "hydra: {verbose: true}\n"), "hydra.*is no setting"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_is_refused_with_one_line(
    trained: Callable[[str], tuple[Path, Any, Any]], tmp_path: Path, name: str
) -> None:
    damage, reason = DAMAGES[name]
    folder = Path(shutil.copytree(trained("texts of a file")[0], tmp_path / "run"))
    damage(folder)
    with pytest.raises(RequestError, match=reason):
        load_model(folder)
