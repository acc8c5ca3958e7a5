"""The run that is exported: its records, and its weights without adapters."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.export.source import is_adapted, plain_state, read_source

Trained = Callable[[str], Path]


def test_adapters_are_merged_into_weights_of_their_own(trained: Trained) -> None:
    source = read_source(RunFolder(trained("lora")), "best")
    state = plain_state(source)
    assert is_adapted(source)
    assert not [name for name in state if "lora" in name or "base_layer" in name]
    assert all(weight.dtype is torch.float32 for weight in state.values())
    assert len({weight.data_ptr() for weight in state.values()}) == len(state)


def test_a_run_without_its_record_is_refused(trained: Trained, tmp_path: Path) -> None:
    run = RunFolder(trained("ngram"))
    for name in ("config.yaml", "spec.json", "checkpoints", "tokenizer"):
        (tmp_path / name).symlink_to(run.path / name)
    with pytest.raises(RequestError, match="its record cannot be read"):
        read_source(RunFolder(tmp_path), "best")
