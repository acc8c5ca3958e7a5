"""The files of a test of answers: SQuAD's JSON, and Parquet in input order."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

from lab.core.batches import References
from lab.core.record.run_folder import RunFolder
from lab.models.qa.n_best import Candidate
from lab.training.baselines.base import Baseline
from lab.training.evaluation.question_answering import answers_result, best_text

CONTEXT = "La bomba vibra. Se cambió el sello."
TEST = References((CONTEXT,), (0, 0, 0), (("bomba", "La bomba"), ("sello",), ()))
BOMBA = (Candidate("bomba", 3, 8, -0.5, 0.75), Candidate("vibra", 9, 14, -1.6, 0.25))


def test_files_have_every_question_in_input_order(tmp_path: Path) -> None:
    questions = [("q2", "¿Qué vibra?"), ("q1", "¿Qué se cambió?"), ("q0", "¿Quién?")]
    candidates = [BOMBA, (Candidate("el sello", 26, 34, -0.1, 1.0),), ()]
    tested = answers_result(0.7, candidates, range(3), questions, TEST, "es", False)
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
    first = Baseline("first_sentence", {"val": {}, "test": {"f1": 0.1, "em": 0.0}})
    assert len(replace(tested, baselines=(first, Baseline("best_sentence", note="no words"))).table().rows) == 2


def test_rows_do_not_depend_on_ids_that_differ() -> None:
    questions = [("q", "¿Qué vibra?"), ("q", "¿Qué se cambió?"), ("q", "¿Quién?")]
    tested = answers_result(0.7, [BOMBA, (), ()], range(3), questions, TEST, "es", True)
    assert tested.columns["id"] == list(tested.names) == ["q", "q", "q"]
    assert tested.columns["answer_predicted"] == ["bomba", "", ""]
    assert tested.metrics["em"] == pytest.approx(2 / 3)


def test_no_candidate_is_no_answer() -> None:
    assert best_text(()) == ""
