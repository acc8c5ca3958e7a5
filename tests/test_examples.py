"""The walks of examples/*.sh run from their first command to their last, in an empty folder."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WALKS = sorted((Path(__file__).parents[1] / "examples").glob("*.sh"))
QUICK = "trainer.threads=1 logger=csv callbacks.curves.png=false baselines.enabled=false"


def test_there_is_a_walk_for_each_task() -> None:
    assert [path.stem for path in WALKS] == ["questions", "series", "texts"]


def walked(name: str, folder: Path) -> str:
    path = next(path for path in WALKS if path.stem == name)
    environment = os.environ | {
        "LAB": f"{sys.executable} -m lab", "MORE": f"{QUICK} cache.dir={folder / 'cache'}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    done = subprocess.run(
        ["bash", str(path), str(folder)], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def used(folder: Path) -> list[dict[str, Any]]:
    """What the server answered, after a check of the explained page and of the export's card."""
    assert "<html" in (folder / "why.explained.html").read_text(encoding="utf-8")
    assert (folder / "model" / "README.md").is_file()
    content = json.loads((folder / "served.json").read_text(encoding="utf-8"))
    assert content["rejected"] == []
    predictions: list[dict[str, Any]] = content["predictions"]
    return predictions


@pytest.mark.slow
def test_texts(tmp_path: Path) -> None:
    assert "id,text," in walked("texts", tmp_path)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert all(value for row in rows for value in row.values())
    drift = json.loads((tmp_path / "watched.csv.drift.json").read_text())
    assert {"characters/text", "unknown tokens"} <= {subject["name"] for subject in drift["subjects"]}
    assert (tmp_path / "model" / "model.onnx").is_file()
    with (tmp_path / "exported.csv").open(newline="", encoding="utf-8") as file:
        exported = list(csv.DictReader(file))
    assert [row["modo"] for row in exported] == [row["modo"] for row in rows]
    (served,) = used(tmp_path)
    assert set(served) >= {"modo", "causa", "prioridad"}


@pytest.mark.slow
def test_questions(tmp_path: Path) -> None:
    walked("questions", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["q1", "q2"]
    assert all(row["answer"] == row["context"][row["answer_start"] : row["answer_end"]] for row in rows)
    assert json.loads((tmp_path / "hub_model" / "config.json").read_text())["architectures"][0].endswith("Answering")
    (served,) = used(tmp_path)
    assert served["answer"] in "El lunes se cambió el sello mecánico."


@pytest.mark.slow
def test_series(tmp_path: Path) -> None:
    walked("series", tmp_path)
    with (tmp_path / "forecasts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["station"] for row in rows} == {"north", "south"}
    assert len(rows) == 2 * (60 - 24 + 1)
    assert (tmp_path / "watched.csv.drift.json").is_file()
    served = used(tmp_path)
    label = next(name.removesuffix("_probability") for name in rows[0] if name.endswith("_probability"))
    assert [row[label] for row in served] == [row[label] for row in rows]
