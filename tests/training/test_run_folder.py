"""The files of a run, from clean and from dirty data: everything that the run folder promises is read back."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from omegaconf import OmegaConf

from lab.core.record.run_folder import RunFolder

SMALL = [
    "trainer.max_epochs=2", "trainer.threads=1", "logger=[wandb,csv]", "data.batch_size=16",
    "model.architecture.hidden_size=32", "model.architecture.intermediate_size=32", "model.vocabulary_size=500",
]  # fmt: skip
HEADS = ("modo", "causa", "prioridad")


@pytest.fixture(scope="module")
def run(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("run")
    assert warm.run(folder, ["data.num_rows=400", "callbacks.curves.gif=true", *SMALL]) == 0
    return RunFolder(folder)


def test_the_record_has_all_documented_fields(run: RunFolder) -> None:
    record = run.read()
    assert record["status"] == "completed"
    assert record["schema_version"] == 1
    assert record["objective"]["metric"] == "val/f1_macro"
    best = max(run.history(), key=lambda row: float(row["val/f1_macro"]))
    assert record["objective"]["value"] == best["val/f1_macro"]
    assert (record["objective"]["epoch"], record["objective"]["step"]) == (best["epoch"], best["step"])
    for split in ("train", "val", "test"):
        assert {"f1_macro", "causa/f1_macro", "loss", "accuracy", "mcc"} <= record["metrics"][split].keys()
    assert {f"{head}/f1_macro" for head in HEADS} <= record["reference"].keys() & record["baselines"]["majority"][
        "val"
    ].keys()
    compared = record["baseline_comparison"]
    assert compared["heads"].keys() == set(HEADS)
    assert compared["overall"]["own"] == pytest.approx(record["metrics"]["test"]["f1_macro"])
    assert compared["overall"]["other"] == pytest.approx(record["baselines"]["majority"]["test"]["f1_macro"])
    assert compared["overall"]["accuracy"]["own"] == pytest.approx(record["metrics"]["test"]["accuracy"])
    for head in HEADS:
        assert compared["heads"][head]["own"] == pytest.approx(record["metrics"]["test"][f"{head}/f1_macro"])
    assert record["parameters"]["trainable"] == record["parameters"]["total"] > 0
    assert record["data"]["rows"] == {"train": 320, "val": 40, "test": 40}
    assert {"fingerprint", "max_length", "truncated_share"} <= record["data"].keys()
    assert {"total", "cpu", "setup", "fit", "test", "per_epoch"} <= record["timing_s"].keys()
    assert len(record["timing_s"]["per_epoch"]) == 2
    assert {"samples_per_s", "tokens_per_s", "padding_share"} == record["throughput"].keys()
    assert record["memory"]["peak_rss_gib"] > 0
    assert record["seed"] == 42
    assert record["sweep"] is None


def test_every_file_exists_and_none_is_partial(run: RunFolder) -> None:
    files = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert {
        "config.yaml", "run.json", "spec.json", "history.jsonl", "checkpoints/best.ckpt", "checkpoints/last.ckpt",
        "test_predictions.parquet", "classification_report.txt", "figures/curves.png", "figures/curves.gif",
        "figures/confusion_modo.png", "figures/confusion_causa.png", "figures/confusion_prioridad.png", "metrics.csv",
    } <= files  # fmt: skip
    assert not [name for name in files if name.endswith(".part")]


def test_predictions_and_matrices_are_of_the_same_test_rows(run: RunFolder) -> None:
    columns = pyarrow.parquet.read_table(run.predictions).to_pydict()
    assert len(columns["row"]) == 40
    assert columns["row"] == sorted(columns["row"]), "input order"
    hits = sum(a == b for a, b in zip(columns["causa"], columns["causa_predicted"], strict=True))
    assert hits / 40 == pytest.approx(run.read()["metrics"]["test"]["causa/accuracy"])
    for share, all_shares in zip(columns["causa_probability"], columns["causa_probabilities"], strict=True):
        assert share == pytest.approx(max(all_shares))
        assert sum(all_shares) == pytest.approx(1, abs=1e-5)
    report = (run.path / "classification_report.txt").read_text()
    assert report.count("macro avg") == 3


def test_wandb_has_one_row_per_validation_and_the_config(run: RunFolder, read_wandb: Callable[[Path], Any]) -> None:
    (file,) = run.path.glob("wandb/offline-run-*/run-*.wandb")
    records = read_wandb(file)
    rows = [record.history for record in records if record.WhichOneof("record_type") == "history"]
    names = [{item.nested_key[0] for item in row.item if item.nested_key} for row in rows]
    assert [any(name.startswith("test/") for name in row) for row in names] == [False, False, True]
    assert len(run.history()) == 2
    (started,) = [record.run for record in records if record.WhichOneof("record_type") == "run"][:1]
    config = {item.key: json.loads(item.value_json) for item in started.config.update if not item.key.startswith("_")}
    written: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(run.config))  # type: ignore[assignment]
    assert {key: config[key] for key in written} == written


def test_a_finished_run_tests_to_the_same_numbers_from_its_folder(run: RunFolder, warm: Any) -> None:
    before = contents(run)
    saved = OmegaConf.load(run.config)
    again = [f"{key}={json.dumps(value)}" for key, value in (("seed", saved.seed), ("data.num_rows", 400))]
    assert warm.run(run.path, [*again, *SMALL, "callbacks.curves.gif=true", f"test={run.path}"]) == 0
    assert contents(run) == before


def contents(run: RunFolder) -> dict[Path, bytes]:
    """Every file of a run except for the log of W&B's server, which may be closed after the run."""
    files = [path for path in run.path.rglob("*") if path.is_file() and path.name != "debug-core.log"]
    return {path: path.read_bytes() for path in files}


def test_a_full_disk_fails_the_run_and_keeps_the_saved_files(warm: Any, tmp_path: Path) -> None:
    # best.ckpt (weights) fits; last.ckpt (weights and two optimizer moments) does not
    sizes = ["data.num_rows=400", *SMALL, "logger=csv"]
    assert warm.run(tmp_path / "whole", sizes) == 0
    whole = RunFolder(tmp_path / "whole")
    limit = (whole.best.stat().st_size + whole.last.stat().st_size) // 2
    assert warm.run(tmp_path / "full", sizes, limit=limit) != 0
    full = RunFolder(tmp_path / "full")
    assert full.read()["status"] == "failed"
    assert "File too large" in full.read()["reason"]
    assert full.best.read_bytes()
    assert not list(full.path.rglob("*.part"))


def dirty_csv(path: Path) -> None:
    """Write a CSV with a BOM, missing markers, 70 % of a head missing, repeated rows and a class of two rows."""
    rng = random.Random(0)
    words = {
        "desgaste": ["vibra", "ruido", "holgura"],
        "fuga": ["gotea", "charco", "sello"],
        "corto": ["chispa", "cable"],
    }
    rows = []
    for _ in range(400):
        cause = rng.choice(list(words))
        text = " ".join(rng.choices(words[cause], k=2) + rng.choices(["equipo", "bomba", "turno", "de"], k=4))
        rows.append([text, cause.upper()[:3], cause if rng.random() < 0.3 else rng.choice(["", "nan", "NaN"])])
    rows += [*rng.choices(rows, k=30), ["palabra unica aqui", "RARO", ""], ["otra palabra unica", "RARO", "nan"]]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([["descripcion", "modo", "causa"], *rows])


@pytest.mark.parametrize("model", ["ngram", "tiny", pytest.param("minilm", marks=pytest.mark.slow)])
def test_a_dirty_file_trains(warm: Any, tmp_path: Path, model: str) -> None:
    dirty_csv(tmp_path / "avisos.csv")
    columns = [f"data.path={tmp_path}/avisos.csv", "data.text=[descripcion]", "data.labels=[modo,causa]"]
    small = [*SMALL[:2], "logger=csv", *(SMALL[3:] if model == "tiny" else [])]
    assert warm.run(tmp_path / "run", ["data=csv", *columns, f"model={model}", *small]) == 0
    record = RunFolder(tmp_path / "run").read()
    assert record["data"]["rows"]["train"] > 300
    assert record["reference"] is None
    majority = record["baselines"]["majority"]["test"]["modo/accuracy"]
    assert record["metrics"]["test"]["modo/accuracy"] > majority or model == "tiny"  # two epochs from scratch
