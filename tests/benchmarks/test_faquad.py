"""The comparison of methods on FaQuAD: its verdict by hand, and that it runs on any file in that layout."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.qa import faquad
from lab.data.qa.demo import generate

ROOT = Path(__file__).parents[2]


def run(method: str, seed: int, f1: float) -> dict[str, Any]:
    return {
        "method": method, "seed": seed, "test": {"f1": f1, "em": 0.1}, "val_f1": [0.2, 0.5, 0.4], "wall_s": 60.0,
        "baselines": {"random_span": {"f1": 0.1, "em": 0.0}, "first_sentence": {"f1": 0.3, "em": 0.0}},
        "peak_rss_gib": 1.0, "parameters": {"trainable": 7, "total": 9},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "holds"),
    [
        ((0.40, 0.42, 0.44), True),
        ((0.33, 0.34, 0.35), False),  # under five points
        ((0.30, 0.40, 0.50), False),  # ten points, but two standard deviations are twenty
    ],
)
def test_the_goal_is_five_points_and_two_deviations(scores: tuple[float, ...], holds: bool) -> None:
    (result,) = faquad.verdicts([run("lora", seed, score) for seed, score in enumerate(scores)])
    assert result["holds"] is holds
    assert result["baseline_f1"] == 0.3
    assert result["lead"] == pytest.approx(sum(scores) / 3 - 0.3)
    assert result["val_f1"] == 0.5


def test_one_seed_alone_meets_nothing() -> None:
    (result,) = faquad.verdicts([run("lora", 1, 0.9)])
    assert result["holds"] is False


def test_only_runs_that_asked_for_the_same_stand_beside_each_other(tmp_path: Path) -> None:
    file = tmp_path / "faquad.json"
    kept = {"method": "lora", "seed": 1, "requested": ["peft=lora", "optimizer.lr=2e-3"]}
    others = [kept | {"seed": 2, "requested": ["peft=lora", "optimizer.lr=1e-3"]}, {"method": "full", "seed": 1}]
    file.write_text(json.dumps({"runs": [kept, *others]}), encoding="utf-8")
    assert faquad.comparable(file, {"lora": ["peft=lora", "optimizer.lr=2e-3"], "full": ["peft=none"]}) == [kept]
    assert faquad.comparable(None, {}) == faquad.comparable(tmp_path / "none.json", {}) == []


@pytest.mark.slow
def test_it_runs_and_adds_to_what_is_there(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    reading = generate(60, 0)
    data = [
        {"title": document, "paragraphs": [{"context": context, "qas": [
            {"id": one.id, "question": one.text, "answers": [{"text": a.text, "answer_start": a.start}
                                                             for a in one.answers]}
            for one in reading.questions if one.context == number]}]}
        for number, (document, context) in enumerate(zip(reading.documents, reading.contexts, strict=True))
    ]  # fmt: skip
    (tmp_path / "dataset.json").write_text(json.dumps({"data": data}), encoding="utf-8")
    (tmp_path / "dev_ids.json").write_text(json.dumps([one.id for one in reading.questions[:12]]), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.qa.faquad", "--faquad", str(tmp_path), "--results", str(tmp_path),
               "--quick", "--method", "full", "lora", "--seeds", "1"]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "faquad.json").read_text(encoding="utf-8"))
    assert written["options"]["quick"]
    assert [(one["method"], one["seed"]) for one in written["runs"]] == [("full", 1), ("lora", 1)]
    assert written["runs"][0]["rows"]["test"] == 12
    assert "first sentence" in done.stdout
