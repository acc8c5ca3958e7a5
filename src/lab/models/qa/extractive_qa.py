"""Extractive question answering over any encoder with a vector a token. Shapes: B windows, L tokens, D hidden.

One linear layer scores each token as the start and as the end of the answer (arXiv 1810.04805). A question's windows
compete by their best span's probability; for SQuAD v2 "no answer" wins where it is likelier, in every window, than the
best span (arXiv 1806.03822). Loss: mean cross-entropy of start and end.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lab.core.batches import QuestionBatch, QuestionSpec, References
from lab.models.metrics import EpochMetric
from lab.models.qa.spans import Candidates, best_spans, log_probabilities, span_loss
from lab.models.qa.squad_metrics import mean_grades
from lab.models.task_module import TextTaskModule, Training
from lab.models.text.interfaces import TokenEncoder

NO_REFERENCES = References((), (), ())


class SpanMetric(EpochMetric):
    """Loss over windows, and of each question the best span so far in any of its windows.

    A question without any window (an unfinished training epoch) is not counted. States stay on the device of the model
    and are read once an epoch: reading them per batch would make a GPU wait. Of equal scores the first one counts.
    """

    sums: Tensor
    """(2,) summed loss and windows."""
    best: Tensor
    """(Q, 3) score, first and last character of the best span; -inf before there is any."""
    no_answer: Tensor
    """(Q,) least score of "no answer" over the windows; inf before there is any."""

    def __init__(self, references: References, spec: QuestionSpec) -> None:
        super().__init__()
        self.references, self.spec = references, spec
        num = len(references.answers)
        self.add_state("sums", torch.zeros(2, dtype=torch.double), "sum")
        self.add_state("best", torch.tensor([-torch.inf, 0, 0], dtype=torch.double).repeat(num, 1), _best_of)
        self.add_state("no_answer", torch.full((num,), torch.inf), "min")

    def update(self, batch: QuestionBatch, losses: Tensor, spans: Candidates) -> None:
        """Add a batch of windows: losses (B,) and their best spans."""
        if self.sums.device != losses.device:
            self.to(losses.device)
        losses = losses.detach().double()
        self.sums += torch.stack([losses.sum(), torch.ones_like(losses).sum()])
        self.no_answer.scatter_reduce_(0, batch.rows, spans.none.float(), "amin")
        spans_found = torch.cat([spans.scores[:, :1].double(), characters(batch, spans)[:, 0].double()], 1)
        winners = spans_found[best_of_question(batch.rows, spans_found[:, 0])]
        before = self.best[batch.rows]
        # Windows of one question write the same value, so that the order of writing does not matter.
        self.best.index_copy_(0, batch.rows, torch.where(winners[:, :1] > before[:, :1], winners, before))

    def answers(self) -> dict[int, str]:
        """The answer to each question that has a window; "" where none is likelier than any."""
        best, no_answer = self.best.cpu(), self.no_answer.cpu()
        scores, places = best[:, 0], best[:, 1:].long()
        silent = scores == -torch.inf
        if self.spec.no_answer:
            silent |= no_answer > scores
        answers = {}
        for row in torch.nonzero(no_answer != torch.inf).flatten().tolist():
            start, end = places[row].tolist()
            context = self.references.contexts[self.references.context_of[row]]
            answers[row] = "" if silent[row] else context[start:end]
        return answers

    def compute(self) -> dict[str, float]:
        answers = self.answers()
        accepted = [self.references.answers[row] for row in answers]
        grades = mean_grades(list(answers.values()), accepted, self.spec.language, self.spec.no_answer)
        return grades | {"loss": float(self.sums[0] / self.sums[1])}


def best_of_question(rows: Tensor, scores: Tensor) -> Tensor:
    """(B,) for each window the place in the batch of the best window of the same question; the first of equal ones.

    rows (B,): the windows' questions; scores (B,). A score that is NaN wins only where a question has no other.
    """
    order = torch.arange(len(rows), device=rows.device)
    ranked = scores.nan_to_num(nan=-torch.inf)
    higher = (ranked[:, None] > ranked) | ((ranked[:, None] == ranked) & (order[:, None] < order))
    same = rows[:, None] == rows
    is_best = ~(higher & same).any(0)
    return (same & is_best).long().argmax(1)


def _best_of(ranks: Tensor) -> Tensor:
    """(R, Q, 3) best spans of each process -> (Q, 3)."""
    return ranks[ranks[..., 0].argmax(0), torch.arange(ranks.shape[1])]


class Outputs(NamedTuple):
    """Of a batch, on the CPU: rows (B,), scores (B, N), places (B, N, 2) characters, none (B,)."""

    rows: Tensor
    scores: Tensor
    places: Tensor
    none: Tensor


class ExtractiveQA(TextTaskModule):
    """A `TokenEncoder` with one linear layer that points at the first and the last token of the answer."""

    encoder: TokenEncoder

    def __init__(
        self, spec: QuestionSpec, encoder: TokenEncoder, smoothing: float, dropout: float, training: Training
    ) -> None:
        super().__init__(training)
        self.spec, self.smoothing = spec, smoothing
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.span = nn.Linear(encoder.dimension, 2)
        self.grade_against({})
        self.test_outputs: list[Outputs] = []

    def grade_against(self, references: Mapping[str, References]) -> None:
        """Score the answers of each split against its references; a model without references only predicts."""
        known = {split: references.get(split, NO_REFERENCES) for split in ("train", "val", "test")}
        self.metrics = {split: SpanMetric(expected, self.spec) for split, expected in known.items()}

    def forward(self, batch: QuestionBatch) -> Tensor:
        """(B, L, 2) log-probabilities of each token as the answer's start and end."""
        hidden = self.encoder(batch.ids, batch.mask, batch.segments)
        with torch.autocast(hidden.device.type, enabled=False):  # scores in bf16 would tie among neighbouring tokens
            logits = self.span(self.dropout(hidden.float()))
        return log_probabilities(logits, possible(batch))

    def losses(self, batch: QuestionBatch, logs: Tensor) -> Tensor:
        """(B,)"""
        return span_loss(logs, batch.spans, possible(batch), self.smoothing)

    def loss(self, batch: QuestionBatch) -> Tensor:
        return self.losses(batch, self(batch)).sum() / batch.window_rows

    def training_step(self, batch: QuestionBatch, batch_idx: int) -> Tensor:
        losses = self._step(batch, "train", 1)[0]
        # Lightning divides by the number of accumulated batches; the parts already add up.
        return losses.sum() / batch.window_rows * self.trainer.accumulate_grad_batches

    def validation_step(self, batch: QuestionBatch, batch_idx: int) -> None:
        self._step(batch, "val", 1)

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self.test_outputs = []

    def test_step(self, batch: QuestionBatch, batch_idx: int) -> None:
        _, found = self._step(batch, "test", self.spec.n_best)
        outputs = (batch.rows, found.scores, characters(batch, found), found.none)
        self.test_outputs.append(Outputs(*(tensor.cpu() for tensor in outputs)))

    def _step(self, batch: QuestionBatch, split: str, num: int) -> tuple[Tensor, Candidates]:
        logs = self(batch)
        losses = self.losses(batch, logs)
        found = best_spans(logs.detach(), possible(batch), self.spec.max_answer, num)
        self.metrics[split].update(batch, losses, found)
        return losses, found


def possible(batch: QuestionBatch) -> Tensor:
    """(B, L) bool: the tokens that may be part of an answer, those of the context."""
    return batch.places[..., 0] >= 0


def characters(batch: QuestionBatch, found: Candidates) -> Tensor:
    """(B, N, 2) characters [start, end) of the context that each candidate stands for."""
    starts = batch.places[..., 0].gather(1, found.first)
    ends = batch.places[..., 1].gather(1, found.last)
    return torch.stack([starts, ends], -1)
