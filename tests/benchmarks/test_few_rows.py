"""Few validation rows: rules see wrong labels where they are wanted, and are scored on right ones."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.text.few_rows import Costs, compared, with_wrong_labels, wrong_data
from benchmarks.truth import reports


def costs(num: int = 400) -> Costs:
    random = np.random.default_rng(1)
    labels = random.integers(4, size=num)
    return Costs(np.eye(4)[labels] * 6 + random.normal(size=(num, 4)), labels)


def test_labels_are_replaced_and_logits_are_not() -> None:
    right = costs()
    wrong = with_wrong_labels(right, 30)
    assert np.array_equal(wrong.logits, right.logits)
    assert 0.15 < np.mean(wrong.labels != right.labels) < 0.3, "a drawn label may be the right one"


def test_rules_see_the_wrong_labels() -> None:
    """Logits that are nearly always right look too sure beside wrong labels, so the temperature rises, and hurts."""
    right = costs()
    seen = (right, with_wrong_labels(right, 30))
    scores = [np.mean(compared(right, each, 200, 5)["penalty 1 (lab)"], 0)[0] for each in seen]
    assert scores[0] < scores[1]


def test_files_of_another_generator_seed_have_names_and_rows_of_their_own(tmp_path: Path) -> None:
    words = [*reports.prepare(60, 30, tmp_path, {}), *wrong_data("linear, 300 reports", 30, 1, tmp_path)]
    files = [word.split("=")[1] for word in words if word.startswith("data.train=")]
    assert files == [str(tmp_path / "reports_60_30_train.csv"), str(tmp_path / "reports_300_30_71_train.csv")]
    assert [len(pd.read_csv(file)) for file in files] == [48, 240]
