"""The files of a test of answers: SQuAD's JSON, Parquet in input order, and baselines without a model."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from lab.core.batches import References
from lab.core.record.run_folder import RunFolder
from lab.models.qa.n_best import Candidate
from lab.training.evaluation.question_answering import answers_result, baselines, best_text, first_sentence, random_span

CONTEXT = "La bomba vibra. Se cambió el sello."
TEST = References((CONTEXT,), (0, 0, 0), (("bomba", "La bomba"), ("sello",), ()))
BOMBA = (Candidate("bomba", 3, 8, -0.5, 0.75), Candidate("vibra", 9, 14, -1.6, 0.25))


def test_files_have_every_question_in_input_order(tmp_path: Path) -> None:
    questions = [("q2", "¿Qué vibra?"), ("q1", "¿Qué se cambió?"), ("q0", "¿Quién?")]
    candidates = [BOMBA, (Candidate("el sello", 26, 34, -0.1, 1.0),), ()]
    tested = answers_result(
        0.7, candidates, range(3), questions, TEST, {"first_sentence": {"f1": 0.1, "em": 0.0}}, "es", False
    )
    assert tested.metrics == {"em": 1.0, "f1": 1.0, "loss": 0.7}
    folder = RunFolder(tmp_path)
    tested.write(folder)
    assert json.loads((tmp_path / "predictions.json").read_text()) == {"q2": "bomba", "q1": "el sello", "q0": ""}
    several = json.loads((tmp_path / "nbest_predictions.json").read_text())
    assert several["q2"][1] == {"text": "vibra", "start": 9, "end": 14, "score": -1.6, "probability": 0.25}
    rows = pyarrow.parquet.read_table(folder.predictions).to_pydict()
    assert rows["id"] == ["q2", "q1", "q0"]
    assert rows["answer_predicted"] == ["bomba", "el sello", ""]
    assert rows["answers"] == [["bomba", "La bomba"], ["sello"], []]
    assert rows["start_predicted"] == [3, 26, -1]
    assert CONTEXT[26:34] == "el sello"
    assert rows["f1"] == [1.0, 1.0, 1.0]
    assert "answers" not in tested.columns
    assert tested.columns["text"] == [text for _, text in questions]
    assert tested.confusions == {}
    assert len(tested.table().rows) == 2


def test_baselines_by_hand() -> None:
    scores = baselines(TEST, TEST, "es", 0, False)
    # first sentence "bomba vibra": f1 with bomba 2/3, with sello 0, without an answer 0
    assert scores["first_sentence"] == {"em": 0.0, "f1": pytest.approx(2 / 9)}
    assert 0 < scores["random_span"]["f1"] < 1
    assert baselines(TEST, TEST, "es", 0, False) == scores
    assert len({baselines(TEST, TEST, "es", seed, False)["random_span"]["f1"] for seed in range(5)}) > 1


def test_never_answering_is_a_baseline_where_it_may_be_right() -> None:
    scores = baselines(TEST, TEST, "es", 0, True)
    assert scores["never_answers"] == {"em": pytest.approx(1 / 3), "f1": pytest.approx(1 / 3)}
    assert set(scores) - set(baselines(TEST, TEST, "es", 0, False)) == {"never_answers"}


def test_rows_do_not_depend_on_ids_that_differ() -> None:
    questions = [("q", "¿Qué vibra?"), ("q", "¿Qué se cambió?"), ("q", "¿Quién?")]
    tested = answers_result(0.7, [BOMBA, (), ()], range(3), questions, TEST, {}, "es", True)
    assert tested.columns["id"] == list(tested.names) == ["q", "q", "q"]
    assert tested.columns["answer_predicted"] == ["bomba", "", ""]
    assert tested.metrics["em"] == pytest.approx(2 / 3)


def test_a_random_span_is_part_of_the_context_with_the_given_length() -> None:
    random = np.random.default_rng(0)
    drawn = {random_span(CONTEXT, [2], random) for _ in range(200)}
    words = CONTEXT.split()
    assert drawn == {" ".join(words[i : i + 2]) for i in range(len(words) - 1)}
    assert random_span("una", [5], random) == "una"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¿Qué? Nada.", "¿Qué?"),
        ("sin punto", "sin punto"),
        ("Título\nTexto.", "Título"),
        ("La P-1.5 vibra. Sí.", "La P-1.5 vibra."),
    ],
)
def test_the_first_sentence(text: str, expected: str) -> None:
    assert first_sentence(text) == expected


def test_no_candidate_is_no_answer() -> None:
    assert best_text(()) == ""
