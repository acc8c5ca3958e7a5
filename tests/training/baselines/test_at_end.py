"""Runs with fitted baselines: the names of the run's metrics, one fit for all seeds, measured later if pending."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lab.core.record.run_folder import RunFolder
from lab.training.baselines.stored import PART

FAST = ["baselines.enabled=true", "trainer.max_epochs=1", "trainer.threads=1", "logger=csv",
        "callbacks.curves.png=false"]  # fmt: skip
TEXTS = [*FAST, "model=ngram", "model.buckets=2000", "model.dimension=8", "data.num_rows=300"]
SERIES = [*FAST, "data=rainfall", "data.hours=1500", "data.gap_share=0", "data.stations=2", "data.window=24",
          "model=minirocket", "model.num_features=84"]  # fmt: skip
QUESTIONS = [*FAST, "data=qa_demo", "data.num_contexts=40", "data.max_length=64", "data.stride=16",
             "model.architecture.hidden_size=16", "model.architecture.intermediate_size=16",
             "model.vocabulary_size=300"]  # fmt: skip


def entries(place: Path) -> list[Path]:
    return sorted(path for path in (place / "cache" / PART).iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("baselines")


@pytest.fixture(scope="module")
def texts(warm: Any, place: Path) -> RunFolder:
    assert warm.run(place / "texts", [*TEXTS, f"cache.dir={place}/cache"]) == 0
    return RunFolder(place / "texts")


def test_a_run_is_recorded_beside_the_linear_model_under_the_same_names(texts: RunFolder) -> None:
    record = texts.read()
    assert set(record["baselines"]) == {"majority", "linear"}
    for split in ("val", "test"):
        names = {name for name in record["metrics"][split] if not name.endswith(("_per_s", "padding_share", "_gib"))}
        linear = record["baselines"]["linear"][split]
        assert names == set(linear)
        assert linear["f1_macro"] > record["baselines"]["majority"][split]["f1_macro"]
    assert record["pending"] == []
    assert 0 < record["timing_s"]["baselines"] < record["timing_s"]["total"]


def test_another_seed_has_the_same_baseline_from_the_cache(warm: Any, texts: RunFolder, place: Path) -> None:
    (before,) = entries(place)
    made = (before / "outputs.safetensors").stat().st_mtime_ns
    assert warm.run(place / "again", [*TEXTS, f"cache.dir={place}/cache", "seed=7"]) == 0
    assert entries(place) == [before]
    assert (before / "outputs.safetensors").stat().st_mtime_ns == made
    other = RunFolder(place / "again").read()
    assert other["baselines"] == texts.read()["baselines"]
    assert other["metrics"]["test"] != texts.read()["metrics"]["test"]


def test_pending_baselines_are_measured_by_the_next_test(warm: Any, texts: RunFolder, place: Path) -> None:
    run = RunFolder(Path(shutil.copytree(texts.path, place / "killed")))
    record = run.read()
    killed = {name: value for name, value in record.items() if name != "baselines"} | {"pending": ["baselines"]}
    (run.path / "run.json").write_text(json.dumps(killed))
    assert warm.run(run.path, [*TEXTS, f"cache.dir={place}/cache", f"test={run.path}"]) == 0
    assert run.read()["baselines"] == record["baselines"]
    assert run.read()["pending"] == []


def test_windows_have_linear_models_and_a_season(warm: Any, place: Path) -> None:
    assert warm.run(place / "series", [*SERIES, f"cache.dir={place}/cache"]) == 0
    record = RunFolder(place / "series").read()
    assert set(record["baselines"]) == {"majority", "persistence", "seasonal_persistence", "logistic_lags", "ridge"}
    for name in ("logistic_lags", "ridge"):
        for split in ("val", "test"):
            assert {"accuracy", "f1_macro", "mcc", "auc", "loss"} <= set(record["baselines"][name][split])
        assert record["baselines"][name]["val"]["auc"] > 0.6


def test_questions_have_the_best_sentence(warm: Any, place: Path) -> None:
    assert warm.run(place / "questions", [*QUESTIONS, f"cache.dir={place}/cache"]) == 0
    baselines = RunFolder(place / "questions").read()["baselines"]
    assert set(baselines) == {"random_span", "first_sentence", "best_sentence"}
    assert set(baselines["best_sentence"]["val"]) == {"em", "f1"}
