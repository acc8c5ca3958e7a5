"""A run folder of a stranger: nothing in it runs or is unpickled, nothing outside is read, absurd sizes are refused."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from lab.core.errors import RequestError
from lab.core.files import read_json, read_yaml
from lab.inference.predict import Done

from .conftest import write_csv

PredictWith = Callable[..., Done]


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "new.csv", [("title", "text"), ("pump", "drips")])


@pytest.fixture
def stranger(trained: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a run, without the seal of this user."""

    def copied(name: str) -> Path:
        run = Path(shutil.copytree(trained(name), tmp_path / f"stranger_{name}"))
        settings = read_yaml(run / "config.yaml")
        (run / "config.yaml").write_text(yaml.safe_dump(settings))
        return run

    return copied


def refused(predict_with: PredictWith, run: Path, new: Path, tmp_path: Path, name: str = "ngram") -> str:
    """The refusal of a run. Nothing is made beside it."""
    before = set(tmp_path.rglob("*"))
    with pytest.raises(RequestError) as caught:
        predict_with(name, run=run, input=new)
    assert set(tmp_path.rglob("*")) == before
    return str(caught.value)


def test_a_folder_without_a_seal_predicts(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path
) -> None:
    assert predict_with("ngram", run=stranger("ngram"), input=new).rows == 1


@pytest.mark.parametrize("place", ["state_dict", "whole", "weight", "plain pickle"])
def test_a_pickle_bomb_does_not_run(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path, place: str
) -> None:
    run, bomb = stranger("ngram"), Bomb(tmp_path / "made")
    path = run / "checkpoints" / "best.ckpt"
    sound = torch.load(path, weights_only=True)
    if place == "plain pickle":
        path.write_bytes(pickle.dumps(bomb))
    elif place == "whole":
        torch.save(bomb, path)
    elif place == "weight":
        torch.save({**sound, "state_dict": {**sound["state_dict"], "encoder.idf": bomb}}, path)
    else:
        torch.save({**sound, "state_dict": bomb}, path)
    assert "best.ckpt" in refused(predict_with, run, new, tmp_path)
    assert not (tmp_path / "made").exists()


def test_a_pickle_in_the_tokenizer_does_not_run(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = stranger("ngram")
    np.save(run / "tokenizer" / "idf.npy", np.array([Bomb(tmp_path / "made")]), allow_pickle=True)
    assert "tokenizer" in refused(predict_with, run, new, tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"kind": "custom", "name": "custom", "_target_": "os.system"}},
        {
            "model": {"kind": "custom", "name": "custom", "_target_": "stranger_module.Net"},
            "plugins": ["stranger_module"],
        },
        {"callbacks": {"extra": {"x": {"_target_": "subprocess.Popen", "args": ["touch", "made"]}}}},
        {"metrics": {"extra": {"x": {"_target_": "torch.load", "f": "bomb.pt"}}}},
        {"loss": {"kind": "custom", "_target_": "builtins.exec"}},
    ],
)
def test_a_target_in_the_config_is_not_called(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path, change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A module of the stranger stands beside the run and would run when it is imported."""
    run = stranger("ngram")
    (run / "stranger_module.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'made')!r}).touch()\n")
    monkeypatch.chdir(run)
    settings = read_yaml(run / "config.yaml")
    for key, value in change.items():
        settings[key] = settings.get(key, {}) | value if isinstance(value, dict) and key != "model" else value
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    refused(predict_with, run, new, tmp_path)
    assert not (tmp_path / "made").exists()
    assert not (run / "made").exists()


@pytest.mark.parametrize("key", ["experiment_name", "cache.dir", "data.path"])
def test_the_environment_is_not_read_for_a_stranger(
    predict_with: PredictWith,
    stranger: Callable[[str], Path],
    new: Path,
    tmp_path: Path,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    run = stranger("ngram")
    settings = read_yaml(run / "config.yaml")
    *parents, last = key.split(".")
    node = settings
    for parent in parents:
        node = node[parent]
    node[last] = "${oc.env:SECRET}"
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    message = refused(predict_with, run, new, tmp_path)
    assert "s3cret" not in message
    assert "reads the environment" in message


@pytest.mark.parametrize("name", ["checkpoints/best.ckpt", "tokenizer/idf.npy", "spec.json", "config.yaml"])
def test_a_link_out_of_the_folder_is_refused(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path, name: str
) -> None:
    run = stranger("ngram")
    outside = tmp_path / "outside"
    (run / name).rename(outside)
    (run / name).symlink_to(outside)
    assert "symbolic link" in refused(predict_with, run, new, tmp_path)


def test_a_linked_tokenizer_folder_is_refused(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = stranger("ngram")
    (run / "tokenizer").rename(tmp_path / "outside")
    (run / "tokenizer").symlink_to(tmp_path / "outside")
    assert "symbolic link" in refused(predict_with, run, new, tmp_path)


def test_own_folders_may_be_linked(
    predict_with: PredictWith, trained: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    """Checkpoints on a larger disk, for example."""
    run = Path(shutil.copytree(trained("ngram"), tmp_path / "own"))
    (run / "checkpoints").rename(tmp_path / "outside")
    (run / "checkpoints").symlink_to(tmp_path / "outside")
    assert predict_with("ngram", run=run, input=new).rows == 1


def test_paths_in_config_and_record_are_not_opened(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    """The data's path and the cache's folder of a stranger's run are named, and neither read nor made."""
    run = stranger("ngram")
    settings = read_yaml(run / "config.yaml")
    settings["data"]["path"], settings["cache"]["dir"] = "/etc/passwd", str(tmp_path / "made")
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    assert predict_with("ngram", run=run, input=new).rows == 1
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("field", "value"), [("max_length", 10**12), ("vocabulary_size", 10**12), ("vocabulary_size", 2**62)]
)
def test_absurd_sizes_in_the_spec_are_refused(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path, field: str, value: int
) -> None:
    run = stranger("encoder")
    spec = read_json(run / "spec.json", dict) | {field: value}
    (run / "spec.json").write_text(json.dumps(spec))
    assert "tokenizer" in refused(predict_with, run, new, tmp_path, "encoder")


def test_a_model_that_is_too_large_for_any_machine_is_refused(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = stranger("encoder")
    path = run / "tokenizer" / "architecture.json"
    path.write_text(json.dumps(read_json(path, dict) | {"hidden_size": 2**40, "intermediate_size": 2**40}))
    refused(predict_with, run, new, tmp_path, "encoder")


def test_an_array_that_claims_an_absurd_size_is_refused(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = stranger("ngram")
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**50,)}
    with (run / "tokenizer" / "idf.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    assert "tokenizer" in refused(predict_with, run, new, tmp_path)


def test_a_checkpoint_that_unpacks_to_far_more_than_its_size_is_refused(
    predict_with: PredictWith, stranger: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = stranger("ngram")
    path = run / "checkpoints" / "best.ckpt"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("best/data/bomb", "w") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    assert "best.ckpt" in refused(predict_with, run, new, tmp_path)
