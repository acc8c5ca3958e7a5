"""The test result of question answering: scores, and the files of SQuAD's evaluation.

Everything is computed from the predictions in input order, so that files and scores describe the same questions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from lab.core.batches import QuestionSpec, References
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Column, Table
from lab.models.calibration import NO_OFFSETS, AnswerRows
from lab.models.qa.n_best import Candidate, with_temperature
from lab.models.qa.squad_metrics import graded, mean_grades
from lab.training.baselines.answers import DRAWS
from lab.training.baselines.base import best_first, notes
from lab.training.evaluation.base import EvaluationResult, HeldOut

ANSWER = "answer"
"""The one head of questions, as calibration.json names it."""


@dataclass(frozen=True)
class AnswersResult(EvaluationResult):
    """A test of answers. names: ids of the questions; candidates: answers per question, the best first."""

    names: Sequence[str]
    candidates: Sequence[Sequence[Candidate]]

    @property
    def columns(self) -> dict[str, list[object]]:
        """As in the base class, without the lists of accepted answers, which loggers cannot show."""
        return {name: values for name, values in super().columns.items() if name != "answers"}

    @property
    def scored_rows(self) -> dict[str, AnswerRows]:
        return answer_rows(self.candidates, self.predictions["em"] > 0)

    def calibrated(
        self,
        temperatures: Mapping[str, float],
        offsets: Mapping[str, Sequence[float]] = NO_OFFSETS,  # noqa: ARG002
    ) -> Self:
        temperature = temperatures.get(ANSWER, 1.0)
        candidates = [with_temperature(each, temperature) for each in self.candidates]
        columns = {**self.predictions, "answer_probability": _best_probabilities(candidates)}
        return replace(self, candidates=candidates, predictions=columns)

    def write(self, folder: RunFolder) -> None:
        """test_predictions.parquet, predictions.json (id: text, SQuAD's format) and nbest_predictions.json."""
        folder.write_predictions(self.predictions)
        best = dict(zip(self.names, map(best_text, self.candidates), strict=True))
        folder.write_text("predictions.json", json.dumps(best, ensure_ascii=False, indent=1) + "\n")
        several = {
            name: [vars(candidate) for candidate in candidates]
            for name, candidates in zip(self.names, self.candidates, strict=True)
        }
        folder.write_text("nbest_predictions.json", json.dumps(several, ensure_ascii=False) + "\n")

    def table(self) -> Table:
        caption = f"F1 and exact match of {len(self.names)} questions; random spans: the mean of {DRAWS} draws."
        columns = [Column("answers of", is_name=True), Column("F1", right=True), Column("exact match", right=True)]
        caption = " ".join([caption, *(f"{note[0].upper()}{note[1:]}." for note in notes(self.baselines))])
        table = Table(columns, caption=caption, more="run.json", plain=True)
        beside = {each.name: each.scores["test"] for each in best_first(self.baselines)}
        for name, scores in {"model": self.metrics, **beside}.items():
            cells = (name.replace("_", " "), f"{scores['f1']:.3f}", f"{scores['em']:.3f}")
            table.add_row(*cells, bold=name == "model")
        return table


def best_text(candidates: Sequence[Candidate]) -> str:
    """The text of the best candidate; empty without any candidate, which means no answer."""
    return candidates[0].text if candidates else ""


def answers_result(
    loss: float,
    candidates: Sequence[Sequence[Candidate]],
    rows: Sequence[int],
    questions: Sequence[tuple[str, str]],
    references: References,
    language: str,
    no_answer: bool,
) -> AnswersResult:
    """Put together what is known of the test questions (id, text), in their order.

    rows: their places in the split; no_answer: as SQuAD 2.0 grades.
    """
    texts = [best_text(found) for found in candidates]
    grades = [graded(text, wanted, language, no_answer) for text, wanted in zip(texts, references.answers, strict=True)]
    columns = {
        "row": np.array(rows, dtype=np.int64),
        "id": [name for name, _ in questions],
        "text": [text for _, text in questions],
        "answer": [right[0] if right else "" for right in references.answers],
        "answers": [list(right) for right in references.answers],
        "answer_predicted": texts,
        "start_predicted": [ranked[0].start if ranked else -1 for ranked in candidates],
        "end_predicted": [ranked[0].end if ranked else -1 for ranked in candidates],
        "answer_probability": _best_probabilities(candidates),
        "em": np.array([em for em, _ in grades]),
        "f1": np.array([f1 for _, f1 in grades]),
    }
    metrics = mean_grades(texts, references.answers, language, no_answer) | {"loss": loss}
    return AnswersResult(metrics, None, columns, [name for name, _ in questions], candidates)


def held_out_answers(
    rows: Sequence[int], candidates: Sequence[Sequence[Candidate]], references: References, spec: QuestionSpec
) -> HeldOut:
    """The candidates of questions at some places of their split, graded by exact match."""
    texts = [best_text(each) for each in candidates]
    grades = [graded(text, wanted, spec.language, spec.no_answer)[0]
              for text, wanted in zip(texts, references.answers, strict=True)]  # fmt: skip
    accepted = [right[0] if right else "" for right in references.answers]
    columns = {ANSWER: accepted, f"{ANSWER}_predicted": texts}
    return HeldOut(np.array(rows, np.int64), answer_rows(candidates, np.array(grades) > 0), columns)


def answer_rows(candidates: Sequence[Sequence[Candidate]], right: npt.NDArray[np.bool_]) -> dict[str, AnswerRows]:
    """The scores of the candidates of questions, and whether the best is right (questions,)."""
    scores = np.full((len(candidates), max(1, *map(len, candidates), 1)), -np.inf)
    for row, each in enumerate(candidates):
        scores[row, : len(each)] = [candidate.score for candidate in each]
    return {ANSWER: AnswerRows(scores, right)}


def _best_probabilities(candidates: Sequence[Sequence[Candidate]]) -> npt.NDArray[np.float64]:
    return np.array([ranked[0].probability if ranked else 0.0 for ranked in candidates])
