"""A network on a simple model starts at its scores, is resumed exactly, and is never chosen where it is worse."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch
from safetensors.numpy import load_file

from lab.config.schema import Cache
from lab.core.processes.background import Background
from lab.core.record.run_folder import RunFolder
from lab.models.linear.text import TextLinear
from lab.training.baselines import stored
from lab.training.residual import simple_base
from lab.training.residual.simple_base import OUT_OF_FOLD, SimpleBase

QUICK = ["model.base=linear", "logger=csv", "callbacks.curves.png=false", "trainer.threads=1", "trainer.max_epochs=2",
         "callbacks.checkpoint.every_n_steps=2"]  # fmt: skip
TEXTS = [*QUICK, "data.num_rows=200", "data.batch_size=16"]
TINY = [*TEXTS, "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64",
        "model.vocabulary_size=500"]  # fmt: skip
NGRAM = [*TEXTS, "model=ngram", "model.confidence_weighting=2", "model.buckets=512", "model.dimension=8"]
LORA = [*TINY, "peft=lora", "peft.r=2"]
CACHED = [*TINY, "cache.hidden_states=true", "callbacks.freeze.layers=1"]
NET = [*QUICK, "data=rainfall", "model=inception_time", "model.filters=4", "model.depth=1", "data.hours=500",
       "data.stations=2", "data.window=24", "data.batch_size=64", "model.ensemble=2",
       "model.base_dropout=0.3", "model.confidence_weighting=1"]  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [pytest.param(NGRAM, id="ngram"), pytest.param(NET, id="net"),
     pytest.param(CACHED, id="cached states", marks=pytest.mark.slow),
     pytest.param(LORA, id="lora", marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_run_starts_at_the_simple_model_and_is_resumed_exactly(
    warm: Any, equal_runs: Any, tmp_path: Path, settings: list[str]
) -> None:
    if settings is LORA:
        pytest.importorskip("peft")
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    assert warm.run(whole.path, settings) == 0
    first, *others = whole.history()
    assert (first["epoch"], first["step"]) == (-1, 0)
    assert [row["epoch"] for row in others] == [0, 1]
    record = whole.read()
    assert record["objective"]["value"] == max(row["val/f1_macro"] for row in whole.history())
    assert record["objective"]["value"] >= first["val/f1_macro"]
    assert warm.run(killed.path, settings, kill_at=4) == 9
    assert warm.run(killed.path, [*settings, f"resume={killed.path}"]) == 0
    equal_runs(whole, killed)
    assert warm.run(whole.path, [*settings, f"test={whole.path}"]) == 0
    assert whole.read()["metrics"]["test"] == record["metrics"]["test"]


def test_a_network_that_makes_it_worse_is_not_chosen(warm: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    patience = ["callbacks.early_stopping.patience=1", "optimizer.lr=30"]
    assert warm.run(run.path, [*NGRAM, *patience, f"cache.dir={tmp_path / 'cache'}"]) == 0
    record, table = run.read(), pyarrow.parquet.read_table(run.predictions).to_pandas()
    objective = record["objective"]
    assert (objective["epoch"], objective["step"]) == (-1, 0)
    assert [row["epoch"] for row in run.history()] == [-1, 0]  # early stopping counts from the simple model
    assert record["reason"].endswith(f"for 1 of 1 epochs (best {objective['value']:.4f} before training)")
    assert all(row["val/f1_macro"] < objective["value"] for row in run.history()[1:])
    assert record["metrics"]["val"]["f1_macro"] == objective["value"]
    base = TextLinear.load(run.base)
    for name, logits in base.logits([table["text"].tolist()]).items():
        classes = {head["name"]: head["classes"] for head in run.read_spec()["heads"]}[name]
        assert table[f"{name}_predicted"].tolist() == [classes[place] for place in logits.argmax(1)]
    weights = torch.load(run.best, weights_only=True)["state_dict"]
    assert not any(tensor.any() for name, tensor in weights.items() if name.startswith("heads."))
    # a training row's logits are of a model that did not see it, so they fit its label less well
    entry = next((tmp_path / "cache" / "baselines").glob(f"*/{OUT_OF_FOLD}"))
    unseen, seen = load_file(entry), TextLinear.load(entry.parent)
    assert set(unseen) == set(seen.heads)
    assert all(np.isfinite(logits).all() for logits in unseen.values())


@dataclass
class Constant:
    """A simple model whose logits are one number."""

    value: float

    @classmethod
    def load(cls, folder: Path) -> "Constant":
        return cls(float((folder / "value.txt").read_text()))

    def save(self, folder: Path) -> None:
        (folder / "value.txt").write_text(str(self.value))


class ConstantBase(SimpleBase[Any, Any]):
    """This version fits the number 2."""

    model_type = Constant

    def fit(self, data: Any) -> Any:
        return Constant(2.0)

    def out_of_fold(self, model: Any, data: Any) -> dict[str, Any]:
        return {"head": np.full((3, 2), 10 * model.value, np.float32)}

    def labels(self, data: Any) -> dict[str, Any]:
        return {"head": np.zeros(3, np.int64)}

    def logits(self, model: Any, data: Any, split: str) -> dict[str, Any]:
        return {"head": np.full((3, 2), model.value, np.float32)}


@pytest.mark.parametrize("own", [1.0, 2.0], ids=["of an earlier version", "of this version"])
def test_a_resumed_run_reads_all_splits_with_its_own_base(tmp_path: Path, own: float) -> None:
    folder = RunFolder(tmp_path / "run")
    cache = Cache(dir=str(tmp_path / "cache"), max_gib=1, hidden_states=False, dtype="fp32")
    folder.base.mkdir(parents=True)
    Constant(own).save(folder.base)
    rows = {split: SimpleNamespace(base=None) for split in ("train", "val")}
    data, classifier = SimpleNamespace(rows=rows, fingerprint="f"), SimpleNamespace(base=Constant(own))
    ConstantBase().attach(classifier, data, folder, cache, fresh=False)  # type: ignore[arg-type]
    assert {split: float(each.base["head"][0, 0]) for split, each in rows.items()} == {"train": 10 * own, "val": own}


def test_another_run_that_makes_the_base_for_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Unlike a baseline, the base cannot be left out."""
    monkeypatch.setattr(simple_base, "MOST_WAITED_S", 0.2)
    key = {"name": "base"}
    with Background() as other, caplog.at_level(logging.INFO):
        other.start(lambda: stored.entry(tmp_path, key, lambda _: time.sleep(600)))
        while not list(tmp_path.glob(f"{stored.PART}/.*/")):  # the entry that it makes, under its lock
            time.sleep(0.01)
        made = simple_base._stored(tmp_path, key, lambda aside: (aside / "model").write_text("mine"))
        assert other.is_running
    assert (made / "model").read_text() == "mine"
    assert "has not made it in 0.2 s, so this run makes it, too" in caplog.text
