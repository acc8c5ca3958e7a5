"""Wrong labels come first: a model that is sure of another class doubts the label, one that is unsure finds it hard."""

import csv
import io

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.models.calibration import AnswerRows, ClassRows
from lab.training.doubt import review
from lab.training.doubt.review import MOST_ROWS, findings, ranked, review_text


def rows(num: int = 1000, wrong: int = 30) -> tuple[ClassRows, set[int]]:
    """Rows of three classes that a model knows well, of which the last ones have the label of another class."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, num)
    logits = random.normal(size=(num, 3))
    logits[np.arange(num), truth] += 3.0
    planted = set(range(num - wrong, num))
    labels = truth.copy()
    labels[num - wrong :] = (labels[num - wrong :] + 1) % 3
    labels[:5] = MISSING
    return ClassRows(logits, labels), planted


def test_planted_labels_come_before_errors_of_the_model() -> None:
    scored, planted = rows()
    order = ranked(("val", found) for found in findings("cause", scored, 1.0))
    errors = len(order) - len(planted & {found.place for _, found in order})
    assert errors >= 20, "the model has errors of its own"
    assert len(planted & {found.place for _, found in order[:30]}) >= 24
    assert not {found.place for _, found in order} & set(range(5)), "rows without a label are not ranked"
    doubtful = [found.doubtful for _, found in order]
    assert doubtful == sorted(doubtful, reverse=True)
    assert 20 < sum(doubtful) < len(order)


def test_a_row_is_wrong_where_the_chosen_class_is() -> None:
    rows = ClassRows(np.log([[0.7, 0.3], [0.7, 0.3], [0.95, 0.05]]), np.array([0, 1, 0]), np.array([0.0, 1.0]))
    found = findings("rain", rows, 1.0)
    assert [(each.place, round(each.probability, 2)) for each in found] == [(0, 0.3)]


def test_an_answer_is_doubtful_where_the_model_is_as_sure_as_of_right_ones() -> None:
    scores = np.log([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.6, 0.4]])
    found = findings("answer", AnswerRows(scores, np.array([True, True, False, False])), 1.0)
    assert [(each.place, each.doubtful) for each in found] == [(2, True), (3, False)]
    assert found[0].label_probability == 1 - found[0].probability


def test_the_file_has_at_most_so_many_rows_and_a_header_without_any() -> None:
    scored = ClassRows(np.tile([0.0, 1.0], (MOST_ROWS + 5, 1)), np.zeros(MOST_ROWS + 5, np.int64))
    assert len(ranked(("val", found) for found in findings("cause", scored, 1.0))) == MOST_ROWS
    assert review_text([]) == "split,row,head\n"
    assert review_text([{"row": -3, "text": "=HYPERLINK(1)"}]) == "row,text\n-3,'=HYPERLINK(1)\n"
    text = review_text([{"split": "val", "row": 3, "text": 'a "b"\nc', "head": "cause"}])
    assert next(iter(csv.DictReader(io.StringIO(text))))["text"] == 'a "b"\nc'


def test_of_many_rows_those_are_found_that_are_ranked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    scored, _ = rows(9000, 3000)
    scored.scores[::7] = scored.scores[0]  # equal losses
    first = findings("cause", scored, 1.0)
    assert len(first) == MOST_ROWS
    assert [found.place for found in first] == sorted(found.place for found in first)
    with monkeypatch.context() as patch:
        patch.setattr(review, "MOST_ROWS", 10**6)
        every = findings("cause", scored, 1.0)
    assert len(every) > 2 * MOST_ROWS
    assert ranked(("val", found) for found in every) == ranked(("val", found) for found in first)
