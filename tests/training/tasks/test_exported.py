"""Weights of an export: loaded only into the model that they are of, and only for an export of torch."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lab.core.errors import RequestError
from lab.core.record.export_record import write_export
from lab.core.record.run_folder import RunFolder
from lab.training.tasks.exported import is_export, load_exported_weights


def test_weights_are_loaded(tmp_path: Path) -> None:
    saved, model = nn.Linear(2, 3), nn.Linear(2, 3)
    save_file(saved.state_dict(), tmp_path / "model.safetensors")
    load_exported_weights(model, RunFolder(tmp_path), "best")
    assert torch.equal(model.weight, saved.weight)
    with pytest.raises(RequestError, match="does not contain the weights of this model"):
        load_exported_weights(nn.Linear(2, 4), RunFolder(tmp_path), "best")
    with pytest.raises(RequestError, match="one checkpoint only"):
        load_exported_weights(model, RunFolder(tmp_path), "last")


def test_a_folder_says_itself_whether_it_is_an_export(tmp_path: Path) -> None:
    assert not is_export(RunFolder(tmp_path))
    write_export(tmp_path, {"format": "torch", "checkpoint": "best"})
    assert is_export(RunFolder(tmp_path))
    write_export(tmp_path, {"format": "onnx", "checkpoint": "best"})
    with pytest.raises(RequestError, match="has no weights for torch"):
        is_export(RunFolder(tmp_path))
