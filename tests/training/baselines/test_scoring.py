"""A baseline gets a rule on its validation rows, where that pays on others of them; its test rows follow it."""

import numpy as np
import pytest

from lab.core.batches import HeadSpec
from lab.training.baselines.base import Baseline
from lab.training.baselines.label_rules import score_labels
from lab.training.baselines.scoring import decided
from lab.training.doubt.decide import Deciding

RARE, EVEN = HeadSpec("rain", ("no", "yes"), (9500, 500)), HeadSpec("wind", ("no", "yes"), (500, 500))
HEADS = (RARE, EVEN)
RULES = Deciding("f1_macro", {head.name: head.counts for head in HEADS})


def baseline(num: int = 4000) -> Baseline:
    random, logits, truth = np.random.default_rng(0), {}, {}
    for split in ("val", "test"):
        shares = {"rain": 0.05, "wind": 0.5}
        truth[split] = {name: (random.random(num) < share).astype(np.int64) for name, share in shares.items()}
        odds = {name: 2 * labels - 1 + 1.4 * random.normal(size=num) for name, labels in truth[split].items()}
        odds["rain"] += np.log(0.05 / 0.95)
        logits[split] = {name: np.stack([0 * each, each], 1).astype(np.float32) for name, each in odds.items()}
    predicted = {split: {name: each.argmax(1) for name, each in tables.items()} for split, tables in logits.items()}
    scores = {split: score_labels(predicted[split], truth[split], HEADS) | {"loss": 0.3} for split in truth}
    return Baseline("linear", scores, predicted, logits=logits, truth=truth, note="fitted on a sample")


def test_a_rare_class_is_found_on_test_rows_and_others_stay() -> None:
    before = baseline()
    after = decided(before, RULES, HEADS)
    assert after.scores["test"]["rain/f1_macro"] > before.scores["test"]["rain/f1_macro"] + 0.02
    assert after.scores["test"]["wind/f1_macro"] == before.scores["test"]["wind/f1_macro"]
    assert after.scores["test"]["loss"] == before.scores["test"]["loss"]
    mean = (after.scores["test"]["rain/f1_macro"] + after.scores["test"]["wind/f1_macro"]) / 2
    assert after.scores["test"]["f1_macro"] == pytest.approx(mean)
    assert after.predicted["test"]["rain"].sum() > before.predicted["test"]["rain"].sum()
    assert str(after.note).startswith("fitted on a sample; classes of rain by probability / share^0.")


def test_without_rules_or_validation_rows_it_stays() -> None:
    before = baseline()
    assert decided(before, None, HEADS) is before
    only_test = Baseline("linear", logits={"test": before.logits["test"]}, truth={"test": before.truth["test"]})
    assert decided(only_test, RULES, HEADS) is only_test
    gap = Baseline("linear", note="train has no words")
    assert decided(gap, RULES, HEADS) is gap
