"""Runs with adapters: killed and resumed, tested again, merged, and refused with another base."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from safetensors.torch import load_file, save_file

from lab.core.record.run_folder import RunFolder

SETTINGS = [
    "data.num_rows=200", "data.batch_size=8", "trainer.max_epochs=2", "logger=csv", "callbacks.curves.png=false",
    "callbacks.checkpoint.every_n_steps=3", "trainer.threads=1", "trainer.accumulate_grad_batches=2", "peft.r=4",
    "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64", "model.vocabulary_size=500",
]  # fmt: skip
METHODS = {
    "lora": ["peft=lora", "callbacks.freeze.schedule={0:1,1:0}", "loss.head_weighting=uncertainty"],
    "qdora": ["peft=qdora", "trainer.gradient_checkpointing=true", "trainer.precision=bf16", "peft.targets=all"],
}


@pytest.fixture(scope="module", params=[pytest.param("lora", marks=pytest.mark.slow), "qdora"])
def uninterrupted(warm: Any, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    settings = [*SETTINGS, *METHODS[request.param]]
    run = RunFolder(tmp_path_factory.mktemp(request.param))
    assert warm.run(run.path, settings) == 0
    return run, settings


# an epoch has 10 windows of 2 batches; killed in the first epoch, inside a window, and in the second epoch
@pytest.mark.parametrize("kill_at", [9, pytest.param(27, marks=pytest.mark.slow)])
def test_killed_and_resumed_equals_uninterrupted(
    warm: Any, equal_runs: Any, uninterrupted: Any, tmp_path: Path, kill_at: int
) -> None:
    whole, settings = uninterrupted
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, settings, kill_at=kill_at) == 9, "SIGKILL"
    assert warm.run(run.path, [*settings, f"resume={run.path}"]) == 0
    equal_runs(whole, run)


def test_checkpoints_hold_adapters_and_heads(uninterrupted: Any) -> None:
    run, _ = uninterrupted
    names = torch.load(run.best, weights_only=True)["state_dict"]
    assert all(".lora_" in name or not name.startswith("encoder.") for name in names)
    assert {name.split(".")[0] for name in names} >= {"encoder", "heads"}
    record = run.read()["parameters"]
    assert 0 < record["trainable"] < record["total"] / 2


def test_tested_again_and_merged(warm: Any, uninterrupted: Any, tmp_path: Path) -> None:
    run, settings = uninterrupted
    copy = RunFolder(shutil.copytree(run.path, tmp_path / "copy"))
    assert warm.run(copy.path, [*settings, f"test={copy.path}", "peft.merge=true"]) == 0
    merged = copy.path / "merged"
    assert {path.name for path in merged.iterdir()} == {
        "config.json", "model.safetensors", "heads.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert not [name for name in load_file(merged / "model.safetensors") if "lora" in name]
    assert any(name.startswith("heads.") for name in load_file(merged / "heads.safetensors"))
    again = RunFolder(tmp_path / "again")
    plain = [setting for setting in settings if not setting.startswith(("peft", "model", "callbacks.freeze"))]
    assert warm.run(again.path, [*plain, "model=encoder", f"model.path={merged}", "trainer.max_epochs=1"]) == 0


def test_adapters_are_refused_with_another_base(warm: Any, uninterrupted: Any, tmp_path: Path) -> None:
    run, settings = uninterrupted
    copy = RunFolder(shutil.copytree(run.path, tmp_path / "copy"))
    base = copy.tokenizer / "base.safetensors"
    weights = load_file(base)
    weights["embeddings.word_embeddings.weight"] += 1e-3
    save_file(weights, base)
    before = {path: path.read_bytes() for path in copy.path.rglob("*") if path.is_file()}
    assert warm.run(copy.path, [*settings, f"resume={copy.path}", "trainer.max_epochs=3"]) != 0
    assert warm.run(copy.path, [*settings, f"test={copy.path}"]) != 0
    assert {path: path.read_bytes() for path in copy.path.rglob("*") if path.is_file()} == before
    assert json.loads((copy.tokenizer / "base.json").read_text())["sha256"]


def test_adapters_above_cached_layers_learn_as_without_the_cache(warm: Any, tmp_path: Path) -> None:
    above = [*SETTINGS, "peft=lora", "peft.layers=[1]", "callbacks.freeze.layers=1", "trainer.max_epochs=1"]
    runs = {frozen: RunFolder(tmp_path / frozen) for frozen in ("false", "true")}
    for frozen, run in runs.items():
        cache = [f"cache.hidden_states={frozen}", "cache.dtype=fp32", f"cache.dir={tmp_path}/cache"]
        assert warm.run(run.path, [*above, *cache]) == 0
    assert runs["true"].read()["cache"]["layers"] == 1
    plain, cached = (run.read()["metrics"]["val"] for run in runs.values())
    assert cached == pytest.approx(plain, abs=1e-5)
