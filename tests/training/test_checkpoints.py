"""Checkpoints that are damaged or of another model are refused before anything is written."""

import zipfile
from pathlib import Path

import pytest
import torch

from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.training.checkpoints import load_weights, refuse_damage, refuse_non_finite_weights


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder whose checkpoint holds the weights of a `Linear(64, 64)`."""
    run = RunFolder(tmp_path / "run")
    run.last.parent.mkdir(parents=True)
    torch.save({"state_dict": torch.nn.Linear(64, 64).state_dict()}, run.last)
    return run


@pytest.mark.parametrize("words", [b"hello world, this is text\n", b"}q", b""], ids=["text", "mark", "empty"])
def test_bytes_that_are_no_checkpoint_are_a_wrong_request(run: RunFolder, tmp_path: Path, words: bytes) -> None:
    (file := tmp_path / "last.ckpt").write_bytes(words)
    with pytest.raises(RequestError, match=r"last\.ckpt is damaged"):
        refuse_damage(run, file, "resume")


def test_zeros_that_a_power_cut_left_inside_a_checkpoint_are_seen(run: RunFolder, tmp_path: Path) -> None:
    """Its directory and its end are whole, and torch would load the zeros as weights."""
    whole = bytearray(run.last.read_bytes())
    with zipfile.ZipFile(run.last) as archive:
        largest = max(archive.infolist(), key=lambda one: one.file_size)
    start = largest.header_offset + 4096
    assert any(whole[start : start + 4096])
    whole[start : start + 4096] = bytes(4096)
    (file := tmp_path / "last.ckpt").write_bytes(whole)
    with pytest.raises(RequestError, match=r"last\.ckpt is damaged: .* differs from what was written"):
        refuse_damage(run, file, "resume")


def test_weights_of_another_model_are_named(run: RunFolder) -> None:
    model = torch.nn.Linear(64, 64)
    load_weights(model, run, run.last, "test")
    assert torch.equal(model.weight, torch.load(run.last, weights_only=True)["state_dict"]["weight"])
    with pytest.raises(RequestError, match=r"does not contain the weights of this model.*size mismatch"):
        load_weights(torch.nn.Linear(64, 32), run, run.last, "test")


def test_weights_that_are_no_finite_numbers_are_refused(run: RunFolder) -> None:
    model = torch.nn.Linear(64, 64)
    refuse_non_finite_weights(model, run, run.last, "test")
    with torch.no_grad():
        model.bias[3] = float("nan")
    with pytest.raises(RequestError, match="weights that are not finite: bias"):
        refuse_non_finite_weights(model, run, run.last, "test")
