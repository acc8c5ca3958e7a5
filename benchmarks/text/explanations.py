"""Do explanations name the right words? On new generated reports, of which the words that decide each label are known.

    python -m benchmarks.text.explanations [--models ngram tiny] [--rows 200] [--epochs N]

Each model is trained on the default reports, then explains reports of another seed. The rule of the generator reads
symptom and component for modo, symptom and context for causa, effect, spare and recurrence for prioridad. A row
counts as right if the word of the largest attribution is in a phrase of these slots. Rows whose text does not have any
of them, or only with too many typos, are left out and counted. Writes benchmarks/results/explanations.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import yaml

from benchmarks.harness.table import RESULTS, machine
from lab.config.check import check_predict
from lab.config.shipped import CONF
from lab.data import maintenance_phrases as phrases
from lab.data.text.maintenance.generator import generate, plans
from lab.inference.explain.interface import Explainer, Explanation
from lab.inference.explain.select import explainer_of
from lab.inference.explain.words import word_places
from lab.inference.tasks import predictor_of
from lab.models.text.ngram import folded
from lab.training.tasks.saved_model import load_run

ROOT = Path(__file__).resolve().parents[2]
SEED = 977
"""Of the new reports; training uses 0."""
TYPO = 0.7
"""Least similarity of a word to that of a phrase: a typo changes one letter of five or more."""
SLOTS = {
    "modo": ("symptom", "component"), "causa": ("symptom", "context"), "prioridad": ("effect", "spare", "recurrence"),
}  # fmt: skip
VALUES: dict[str, Sequence[phrases.Phrases]] = {
    "symptom": list(phrases.SYMPTOMS.values()), "component": [part.phrases for part in phrases.COMPONENTS],
    "context": list(phrases.CONTEXTS.values()), "effect": list(phrases.EFFECTS.values()),
    "spare": list(phrases.SPARES.values()), "recurrence": list(phrases.RECURRENCES.values()),
}  # fmt: skip


def words_of(text: str) -> list[str]:
    return [folded(text[start:end]) for start, end in word_places(text)]


def spellings(phrase: str) -> Iterator[list[str]]:
    """A phrase in words as it is, and with the generator's abbreviations."""
    yield words_of(phrase)
    short = phrase
    for word, abbreviation in phrases.ABBREVIATIONS.items():
        short = " ".join(abbreviation if part == word else part for part in short.split())
    if short != phrase:
        yield words_of(short)


def is_alike(word: str, other: str) -> bool:
    return word == other or (len(other) >= 5 and SequenceMatcher(None, word, other).ratio() >= TYPO)


def places_of(words: Sequence[str], values: phrases.Phrases) -> set[int]:
    """The numbers of the words of a text that express a value by one of its phrases."""
    found: set[int] = set()
    for phrase in values:
        for spelling in spellings(phrase):
            for start in range(len(words) - len(spelling) + 1):
                window = words[start : start + len(spelling)]
                if spelling and all(map(is_alike, window, spelling)):
                    found |= {start + i for i, word in enumerate(spelling) if word[:1].isalnum()}
    return found


def measured(explainer: Explainer, num: int, difficulty: float) -> dict[str, Any]:
    """Per head: share of rows whose strongest word is right, share of right words among all (what chance would give),
    share of rows where the attributions reach their sum, rows counted and left out."""
    reports, plan = generate(num, SEED, difficulty), plans(num, SEED)
    began = time.monotonic()
    explained = explainer.explain([{"text": text} for text in reports.texts])
    seconds = time.monotonic() - began
    result: dict[str, Any] = {"ms_per_row": 1000 * seconds / num, "heads": {}}
    for index, head in enumerate(explainer.heads):
        rows = [_row(each[index], plan, row, SLOTS[head]) for row, each in enumerate(explained)]
        known = [row for row in rows if row is not None]
        result["heads"][head] = {
            "right_first": sum(right for right, _ in known) / len(known),
            "by_chance": sum(share for _, share in known) / len(known),
            "complete": sum(each[index].is_complete for each in explained) / num,
            "rows": len(known), "left_out": num - len(known),
        }  # fmt: skip
    return result


def _row(explanation: Explanation, plan: dict[str, Any], row: int, slots: Sequence[str]) -> tuple[bool, float] | None:
    words = [folded(word) for word, _ in explanation.words]
    right = {place for slot in slots for place in places_of(words, VALUES[slot][plan[slot][row]])}
    if not right:
        return None
    strongest = max(range(len(words)), key=lambda place: explanation.words[place][1])
    letters = sum(word[:1].isalnum() for word in words)
    return strongest in right, len(right) / letters


def trained(model: str, folder: Path, overrides: Sequence[str]) -> Path:
    line = [sys.executable, "train.py", f"model={model}", f"hydra.run.dir={folder / model}", "logger=csv", *overrides]
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder / model


def explainer_of_run(run: Path) -> tuple[Explainer, float]:
    """The explainer of a run on generated reports, and the difficulty of these."""
    defaults = yaml.safe_load((CONF / "predict.yaml").read_text())
    own = {key: value for key, value in defaults.items() if key not in ("defaults", "hydra")}
    config, model = load_run(run)
    request = check_predict(own | {"run": str(run), "input": "-", "device": "cpu"})
    difficulty: float = config.data.difficulty  # type: ignore[union-attr]
    return explainer_of(predictor_of(config, model, run, request)), difficulty


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["ngram", "tiny"])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--runs", nargs="*", type=Path, default=[], help="trained runs, one per model, in this order")
    parser.add_argument("overrides", nargs="*", help="settings of the training, after --")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "rows": options.rows, "models": {}}
    with tempfile.TemporaryDirectory() as place:
        for number, model in enumerate(options.models):
            given = options.runs[number : number + 1]
            run = given[0] if given else trained(model, Path(place), options.overrides)
            results["models"][model] = measured(*_ordered(explainer_of_run(run), options.rows))
            print(model, json.dumps(results["models"][model], indent=1), flush=True)
    (RESULTS / "explanations.json").write_text(json.dumps(results, indent=1) + "\n")


def _ordered(made: tuple[Explainer, float], rows: int) -> tuple[Explainer, int, float]:
    return made[0], rows, made[1]


if __name__ == "__main__":
    main()
