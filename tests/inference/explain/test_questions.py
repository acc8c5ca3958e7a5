"""Explanations of answers: the words of question and context sum to the score of the span that is the answer."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lab.inference.explain.interface import TOLERANCE
from lab.inference.explain.questions import QuestionExplainer
from lab.inference.explain.select import explainer_of
from lab.inference.predict import Done
from lab.inference.questions import QuestionPredictor
from lab.models.qa.spans import best_spans

from ..conftest import predictor_of_run, read_csv, write_csv

pytest.importorskip("captum")
LONG = "La bomba P-101 vibra desde ayer. " * 20 + "Se cambi\u00f3 el sello mec\u00e1nico."
ROWS = [{"question": "\u00bfQu\u00e9 vibra?", "context": LONG}, {"question": "", "context": LONG},
        {"question": "\u00bfQu\u00e9 se cambi\u00f3?", "context": "Se cambi\u00f3 el sello."}]  # fmt: skip


def test_attributions_sum_to_the_score_of_the_answer(trained: Callable[[str], Path]) -> None:
    made = predictor_of_run(trained("questions"))
    assert isinstance(made, QuestionPredictor)
    explained = explainer_of(made).explain(ROWS)
    assert [len(each) for each in explained] == [1, 0, 1]
    predicted = made.predict(ROWS)
    for row, cells, explanations in zip(ROWS, predicted.cells, explained, strict=True):
        for each in explanations:
            assert (each.head, each.label, each.text) == ("answer", cells[0], f"{row['question']}\n{row['context']}")
            assert "".join(word for word, _ in each.words) == "".join(each.text.split())
            assert each.is_complete
            windows = made.windows([(row["question"], row["context"])])
            best = score_of_best(made, windows)
            total = sum(value for _, value in each.words)
            assert total == pytest.approx(best[0] - best[1], rel=TOLERANCE + 1e-3, abs=1e-4)


@torch.inference_mode()
def score_of_best(made: QuestionPredictor, windows: list) -> tuple[float, float]:  # type: ignore[type-arg]
    """The score of the best span over all windows, and that of the same span with padding for the text."""
    scores = []
    for window in windows:
        batch = made.batch([window])
        best = best_spans(made.model(batch), batch.places[..., 0] >= 0, made.spec.max_answer, 1)
        first, last = int(best.first[0, 0]), int(best.last[0, 0])
        special = torch.isin(batch.ids, torch.tensor([batch.ids[0, 0], batch.ids[0, -1]]))
        batch.ids = torch.where(special, batch.ids, made.spec.pad_id)
        logs = made.model(batch)[0]
        scores.append((float(best.scores[0, 0]), float(logs[first, 0] + logs[last, 1])))
    return max(scores)


def test_columns_and_page(predict_with: Callable[..., Done], tmp_path: Path) -> None:
    rows = [(row["question"], row["context"]) for row in ROWS]
    predict_with(
        "questions", input=write_csv(tmp_path / "new.csv", [("question", "context"), *rows]), explain=True, top_k=2
    )
    found = read_csv(tmp_path / "out.csv")
    assert [row["answer_attribution_error"] == "" for row in found] == [False, True, False]
    words = [word for word, _ in json.loads(found[2]["answer_attributions"])]
    assert words[:4] == ["\u00bf", "Qu\u00e9", "se", "cambi\u00f3"]
    page = (tmp_path / "out.explained.html").read_text()
    assert page.count("<tbody>") == 2


def test_the_explained_answer_of_a_run_with_no_answer(trained: Callable[[str], Path]) -> None:
    made = predictor_of_run(trained("questions"))
    assert isinstance(made, QuestionPredictor)
    explainer = explainer_of(made)
    assert isinstance(explainer, QuestionExplainer)
    with torch.no_grad():
        made.model.span.weight.zero_()
    pair = ("\u00bfQu\u00e9 vibra?", LONG)
    windows = made.windows([pair])
    from lab.models.qa.n_best import Candidate

    (silent,) = explainer._spans(windows, [Candidate("", -1, -1, 0.0, 1.0)])
    assert (silent.first, silent.last) == (0, 0)
    lengths = [len(window.columns) for window in windows]
    assert lengths[silent.window] == max(lengths)  # of equal logits, the longest window has the least probability


def test_the_answer_may_be_in_any_window(trained: Callable[[str], Path]) -> None:
    made = predictor_of_run(trained("questions"))
    assert isinstance(made, QuestionPredictor)
    explainer = explainer_of(made)
    assert isinstance(explainer, QuestionExplainer)
    pair = ("\u00bfQu\u00e9 se cambi\u00f3?", LONG)
    windows = made.windows([pair])
    assert len(windows) > 2
    from lab.models.qa.n_best import Candidate

    for columns in (windows[0].columns, windows[-1].columns):  # the shorter last window is read first
        place = int(columns[:, 2].argmax()) if columns is windows[-1].columns else int((columns[:, 2] >= 0).argmax())
        start, end = columns[place, 2:].tolist()
        (span,) = explainer._spans(windows, [Candidate(LONG[start:end], start, end, 0.0, 1.0)])
        assert windows[span.window].columns[[span.first, span.last], [2, 3]].tolist() == [start, end]


def test_a_question_without_a_candidate_has_no_explanation(trained: Callable[[str], Path]) -> None:
    made = predictor_of_run(trained("questions"))
    rows = [{"question": "Where?", "context": "\u200b"}, ROWS[2]]
    assert made.predict(rows[:1]).cells[0][0] is None
    assert [len(each) for each in explainer_of(made).explain(rows)] == [0, 1]
    assert explainer_of(made).explain(rows[:1]) == [[]]
