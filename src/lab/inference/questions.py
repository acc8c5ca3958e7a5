"""Predictions of a model that answers questions: the best answers with their characters in the context.

A context that is too long for the model is read in windows, as in training. Shapes: B windows, L tokens.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from lab.config.schema import Questions
from lab.core.batches import PairTokenizer, QuestionBatch, References
from lab.core.reference.content import CONFIDENCE
from lab.core.terminal.tables import Column, Table
from lab.data.qa.windows import without_overlap, without_white_space
from lab.inference.predictor import UNCALIBRATED, Cells, Field, Predicted, Predictor, Row, by_length, cell_text, rounded
from lab.models.qa.extractive_qa import ExtractiveQA, Outputs, characters, possible
from lab.models.qa.n_best import Candidate, ranked
from lab.models.qa.spans import best_spans
from lab.models.qa.squad_metrics import graded
from lab.training.doubt.novelty import question_measures

QUESTION, CONTEXT, ANSWER = "question", "context", "answer"


class PairWindow(NamedTuple):
    """columns: (L, 4) as in `lab.data.qa.windows`; question: its place among the questions."""

    columns: npt.NDArray[np.int64]
    question: int


class QuestionPredictor(Predictor):
    """Answers to questions. columns: for `question`, `context` and `answer`, their names in the input."""

    def __init__(
        self, data: Questions, model: ExtractiveQA, tokenizer: PairTokenizer, columns: Mapping[str, str], top_k: int,
        batch_size: int, device: torch.device, temperatures: Mapping[str, float] = UNCALIBRATED,
    ) -> None:  # fmt: skip
        self.temperature, self.best = temperatures.get(ANSWER, 1.0), (ANSWER,)
        self.data, self.model, self.tokenizer = data, model.to(device), tokenizer
        self.batch_size, self.device, self.spec = batch_size, device, model.spec
        self.question, self.context, self.answer = (columns.get(name, name) for name in (QUESTION, CONTEXT, ANSWER))
        self.needed = (self.question, self.context)
        self.top_k = min(top_k, self.spec.n_best)
        self.fields = tuple(field for rank in range(1, self.top_k + 1) for field in _fields(rank))
        self.grades: list[tuple[float, float]] = []

    def predict(self, rows: Sequence[Row]) -> Predicted:
        result = Predicted([(None,) * len(self.fields)] * len(rows))
        texts = [(cell_text(row.get(self.question)), cell_text(row.get(self.context))) for row in rows]
        result.rejected = {place: reason for place, pair in enumerate(texts) if (reason := self._fault(*pair))}
        places = [place for place in range(len(rows)) if place not in result.rejected]
        pairs = [(str(texts[place][0]), str(texts[place][1])) for place in places]
        if not pairs:
            return result
        windows = self.windows(pairs)
        candidates = self.candidates(windows, pairs)
        for place, best in zip(places, candidates, strict=True):
            result.cells[place] = self._cells(best)
        result.unlike = dict(zip(places, self._unlike(windows, pairs, candidates), strict=False))
        self._grade([rows[place] for place in places], candidates)
        self._watch(windows, pairs, candidates)
        return result

    def _unlike(
        self, windows: Sequence[PairWindow], pairs: Sequence[tuple[str, str]], candidates: Sequence[Sequence[Candidate]]
    ) -> list[str]:
        """Why each pair is unlike the training questions; empty without limits."""
        if self.novelty is None or self.novelty.common is None:
            return []
        of_pair: list[list[npt.NDArray[np.int64]]] = [[] for _ in pairs]
        for window in windows:
            of_pair[window.question].append(window.columns)
        characters = np.array([len(question) + len(context) for question, context in pairs])
        scores = np.array([each[0].score if each else -np.inf for each in candidates])
        ids = list(map(without_overlap, of_pair))
        return self.novelty.reasons(question_measures(characters, ids, self.novelty.common, scores))

    def _watch(
        self, windows: Sequence[PairWindow], pairs: Sequence[tuple[str, str]], candidates: Sequence[Sequence[Candidate]]
    ) -> None:
        if self.profile is None:
            return
        self.profile.add_tokens(_tokens(windows, len(pairs)))
        self.profile.add_texts({QUESTION: [pair[0] for pair in pairs], CONTEXT: [pair[1] for pair in pairs]})
        best = [each[0].probability if each else np.nan for each in candidates]
        self.profile.add(CONFIDENCE.format(ANSWER), best)

    def _fault(self, question: str | None, context: str | None) -> str | None:
        if question is None or not question.strip():
            return "has no question"
        if context is None or not context.strip():
            return "has no context"
        if self.tokenizer.room([question], self.spec.max_length)[0] <= self.data.stride:
            return f"has a question that leaves no room for a context in {self.spec.max_length} tokens"
        return None

    def pair_of(self, row: Row) -> tuple[str, str] | None:
        """The question and the context of a row; None for a row without a prediction."""
        question, context = cell_text(row.get(self.question)), cell_text(row.get(self.context))
        return None if self._fault(question, context) else (str(question), str(context))

    def windows(self, pairs: Sequence[tuple[str, str]]) -> list[PairWindow]:
        """The windows of all pairs, in the order of the pairs."""
        questions, contexts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        per_pair = self.tokenizer.windows(questions, contexts, self.spec.max_length, self.data.stride)
        return [
            PairWindow(_columns(piece.ids, piece.segments, piece.places, contexts[number]), number)
            for number, pieces in enumerate(per_pair)
            for piece in pieces
        ]

    def candidates(
        self, windows: Sequence[PairWindow], pairs: Sequence[tuple[str, str]]
    ) -> list[tuple[Candidate, ...]]:
        """The best answers of each pair, best first."""
        lengths = [len(window.columns) for window in windows]
        outputs = [
            self._outputs([windows[place] for place in chosen]) for chosen in by_length(lengths, self.batch_size)
        ]
        contexts = tuple(context for _, context in pairs)
        everything = References(contexts, tuple(range(len(pairs))), ((),) * len(pairs))
        return ranked(outputs, everything, self.spec.n_best, self.spec.no_answer, self.temperature)

    def batch(self, windows: Sequence[PairWindow]) -> QuestionBatch:
        """Some windows as the model reads them, on its device."""
        lengths = np.array([len(window.columns) for window in windows])
        mask = np.arange(int(lengths.max())) < lengths[:, None]
        values = np.empty((*mask.shape, 4), np.int64)
        values[:] = (self.spec.pad_id, 0, -1, -1)
        values[mask] = np.concatenate([window.columns for window in windows])
        tensor = torch.from_numpy(values)
        return QuestionBatch(
            ids=tensor[..., 0].contiguous(), mask=torch.from_numpy(mask), segments=tensor[..., 1].contiguous(),
            places=tensor[..., 2:].contiguous(), spans=torch.zeros(len(windows), 2, dtype=torch.long),
            rows=torch.tensor([window.question for window in windows]), window_rows=torch.tensor(len(windows)),
        ).to(self.device)  # fmt: skip

    @torch.inference_mode()
    def _outputs(self, windows: Sequence[PairWindow]) -> Outputs:
        batch = self.batch(windows)
        best = best_spans(self.model(batch), possible(batch), self.spec.max_answer, self.spec.n_best)
        parts = (batch.rows, best.scores, characters(batch, best), best.none)
        return Outputs(*(part.cpu() for part in parts))

    def _cells(self, candidates: Sequence[Candidate]) -> Cells:
        cells: list[object] = []
        for place in range(self.top_k):
            if place >= len(candidates):
                cells += [None] * 4
                continue
            each = candidates[place]
            cells += [each.text, rounded(each.probability), each.start, each.end]
        return tuple(cells)

    def _grade(self, rows: Sequence[Row], candidates: Sequence[Sequence[Candidate]]) -> None:
        for row, best in zip(rows, candidates, strict=True):
            accepted = row.get(self.answer)
            if accepted is None:
                continue
            texts = [str(text) for text in accepted] if isinstance(accepted, list) else [str(accepted)]
            texts = [text for text in texts if text.strip()]
            if texts or self.spec.no_answer:
                exact, f1 = graded(best[0].text if best else "", texts, self.spec.language, self.spec.no_answer)
                self.grades.append((exact, f1))

    def scores(self) -> Table | None:
        if not self.grades:
            return None
        num = len(self.grades)
        table = Table([Column("score", is_name=True), Column("value", right=True, bold=True)], plain=True)
        table.title = f"scores of {num} questions with an answer"
        for place, name in enumerate(("exact match", "F1")):
            table.add_row(name, f"{sum(grade[place] for grade in self.grades) / num:.3f}")
        return table


def _fields(rank: int) -> list[Field]:
    name = ANSWER if rank == 1 else f"{ANSWER}_{rank}"
    return [Field(name, "text"), Field(f"{name}_probability", "number"), Field(f"{name}_start", "whole number"),
            Field(f"{name}_end", "whole number")]  # fmt: skip


def _tokens(windows: Sequence[PairWindow], num: int) -> list[list[int]]:
    """The ids in the windows of each of `num` questions."""
    ids: list[list[int]] = [[] for _ in range(num)]
    for window in windows:
        ids[window.question] += window.columns[:, 0].tolist()
    return ids


def _columns(
    ids: Sequence[int], segments: Sequence[int], places: Sequence[tuple[int, int]], context: str
) -> npt.NDArray[np.int64]:
    own = without_white_space(np.asarray(places, np.int64).reshape(-1, 2), context)
    return np.column_stack([ids, segments, own]).astype(np.int64)
