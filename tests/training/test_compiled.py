"""`trainer.compile`: compiled layers compute the same as others, and a run with them learns and resumes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.record.run_folder import RunFolder
from lab.training.build import text_encoder

CONF = Path(__file__).parents[2] / "conf"
SMALL = ["model.architecture.hidden_size=32", "model.architecture.intermediate_size=64",
         "model.architecture.num_hidden_layers=2", "model.vocabulary_size=400"]  # fmt: skip
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning"),  # raised by the import of torch
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),  # raised while torch traces
]


class Words:
    """The attributes of a tokenizer that an encoder with random weights needs."""

    vocabulary_size, pad_id = 400, 0


def test_compiled_layers_compute_the_same(tmp_path: Path) -> None:
    results = []
    for switch in ("false", "true"):
        with initialize_config_dir(str(CONF)):
            config = check(compose("config", [*SMALL, f"trainer.compile={switch}"]))
        torch.manual_seed(0)
        encoder = text_encoder.text_encoder(config, Words(), RunFolder(tmp_path), fresh=True).eval()  # type: ignore[arg-type]
        outputs = []
        for length in (7, 12, 9):  # batches differ in length
            ids = torch.randint(5, 400, (3, length), generator=torch.Generator().manual_seed(length))
            encoder.zero_grad()
            vectors = encoder(ids, torch.ones_like(ids, dtype=torch.bool))
            vectors.mean(1).square().sum().backward()
            outputs += [vectors.detach(), encoder.layers[0].attention.self.query.weight.grad.clone()]
        results.append((outputs, list(encoder.state_dict())))
    (plain, names), (compiled, compiled_names) = results
    assert names == compiled_names, "checkpoints fit either way"
    for expected, actual in zip(plain, compiled, strict=True):
        torch.testing.assert_close(expected, actual, rtol=1e-4, atol=1e-5)


def test_a_compiled_run_learns_and_resumes_equally_after_a_kill(warm: Any, equal_runs: Any, tmp_path: Path) -> None:
    """The resuming process compiles again, and its first batches have other lengths."""
    settings = [*SMALL, "data.num_rows=200", "data.batch_size=16", "trainer.max_epochs=3", "logger=csv",
                "callbacks.curves.png=false", "trainer.compile=true", "trainer.threads=2"]  # fmt: skip
    assert warm.run(tmp_path / "uninterrupted", settings) == 0
    assert warm.run(tmp_path / "killed", settings, kill_at=14) == 9
    assert warm.run(tmp_path / "killed", [*settings, f"resume={tmp_path / 'killed'}"]) == 0
    expected, actual = (RunFolder(tmp_path / name) for name in ("uninterrupted", "killed"))
    equal_runs(expected, actual)
    assert expected.history()[-1]["train/loss"] < expected.history()[0]["train/loss"]
