"""The right words of generated reports, and that explanations of a small trained model name them first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.text.explanations import SLOTS, VALUES, explainer_of_run, measured, places_of, words_of
from lab.data.text.maintenance.generator import generate, plans

ROOT = Path(__file__).parents[2]


def test_the_words_of_a_phrase_are_found_with_typos_and_abbreviations() -> None:
    words = words_of("Bba P-101A: se observa VIBRACION ALTA en rodmiento, vib. alta")
    assert places_of(words, ("vibraci\u00f3n alta", "ruido fuerte")) == {5, 6, 10, 12}
    assert places_of(words, ("rodamiento",)) == {8}
    assert places_of(words, ("alta presi\u00f3n", "")) == set()


def test_the_plan_of_a_report_is_in_its_text() -> None:
    texts, plan = generate(300, 5, 0.5).texts, plans(300, 5)
    missing = 0
    for row, text in enumerate(texts):
        for slot, values in VALUES.items():
            value = values[plan[slot][row]]
            missing += value != ("",) and not places_of(words_of(text), value)
    assert missing <= 0.01 * 300 * len(VALUES)
    assert set(SLOTS) == set(generate(1, 0).labels)


@pytest.mark.slow  # trains a model on 3,000 reports
def test_the_words_of_the_rule_come_first(tmp_path: Path) -> None:
    line = [sys.executable, "train.py", "model=ngram", "data.num_rows=3000", f"hydra.run.dir={tmp_path / 'run'}"]
    line += ["logger=csv", "trainer.accelerator=cpu", "callbacks.curves.png=false", f"cache.dir={tmp_path / 'cache'}"]
    subprocess.run(line, cwd=ROOT, check=True, env=os.environ, stdout=subprocess.DEVNULL)
    explainer, difficulty = explainer_of_run(tmp_path / "run")
    result = measured(explainer, 200, difficulty)
    assert set(result["heads"]) == set(SLOTS)
    for head in result["heads"].values():
        assert head["right_first"] >= 0.8
        assert head["by_chance"] < 0.4
        assert head["complete"] == 1
        assert head["rows"] > 180
