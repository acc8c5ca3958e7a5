"""Extractive question answering with any encoder that gives one vector per token.

One linear layer scores each token as the start and as the end of the answer (arXiv 1810.04805). The answer is the most
probable span of all windows of the question. For SQuAD v2, the answer is empty if "no answer" is more probable than the
best span in every window (arXiv 1806.03822). Loss: mean cross-entropy of start and end.
Shapes: B windows, L tokens, D width, Q questions.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lab.core.batches import QuestionBatch, QuestionSpec, References
from lab.models.gathering import num_counted, of_all_processes
from lab.models.metrics import EpochMetric
from lab.models.qa.spans import Candidates, best_spans, log_probabilities, span_loss
from lab.models.qa.squad_metrics import mean_grades
from lab.models.task_module import TextTaskModule, Training
from lab.models.text.interfaces import TokenEncoder

NO_REFERENCES = References((), (), ())
"""For a model that only predicts."""


class SpanMetric(EpochMetric):
    """Loss over windows, and of each question the best span so far in any of its windows.

    A question without any window (an unfinished training epoch) is not counted. States stay on the device of the model
    and are read once an epoch: reading them per batch would make a GPU wait. Of equal scores the first one counts.
    """

    sums: Tensor
    """(2,) summed loss and number of windows."""
    best: Tensor
    """(Q, 3) score, start and end character of the best span; the score is -inf before the first window."""
    no_answer: Tensor
    """(Q,) least score of "no answer" over the windows; inf before the first window."""

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
        # A row that counts for nothing is a window of the split all the same: its spans change no best one.
        losses = losses.detach().double()[: num_counted(batch)]
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
    """The best spans of all processes: (R, Q, 3) -> (Q, 3)."""
    return ranks[ranks[..., 0].argmax(0), torch.arange(ranks.shape[1])]


class Outputs(NamedTuple):
    """Results of a batch on the CPU: rows (B,), scores (B, N), characters of the spans (B, N, 2), "no answer" (B,)."""

    rows: Tensor
    scores: Tensor
    places: Tensor
    none: Tensor


class ExtractiveQA(TextTaskModule):
    """A `TokenEncoder` with one linear layer that scores the first and the last token of the answer."""

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
        """Log-probabilities (B, L, 2) of each token as the start and as the end of the answer."""
        hidden = self.encoder(batch.ids, self.encoder_mask(batch), batch.segments)
        with torch.autocast(hidden.device.type, enabled=False):  # in bf16, neighbouring tokens would get equal scores
            logits = self.span(self.dropout(hidden.float()))
        return log_probabilities(logits, possible(batch))

    def losses(self, batch: QuestionBatch, logs: Tensor) -> Tensor:
        """The loss of each window, (B,); 0 of a row that counts for nothing."""
        losses = span_loss(logs, batch.spans, possible(batch), self.smoothing)
        return losses * 0.0 if batch.is_filler else losses

    def loss(self, batch: QuestionBatch) -> Tensor:
        return self.losses(batch, self(batch)).sum() / batch.window_rows

    def training_step(self, batch: QuestionBatch, batch_idx: int) -> Tensor:
        losses = self._step(batch, "train", 1)[0]
        return losses.sum() / batch.window_rows * self.num_parts

    def validation_step(self, batch: QuestionBatch, batch_idx: int) -> None:
        self._step(batch, "val", 1)

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self.test_outputs = []

    def test_step(self, batch: QuestionBatch, batch_idx: int) -> None:
        _, candidates = self._step(batch, "test", self.spec.n_best)
        self.test_outputs.append(_outputs(batch, candidates))

    def on_test_epoch_end(self) -> None:
        self.test_outputs = of_all_processes(self.test_outputs, self.device)

    def predict_step(self, batch: QuestionBatch, batch_idx: int) -> Outputs:
        """The best spans of each window; no metric is updated."""
        return _outputs(batch, best_spans(self(batch), possible(batch), self.spec.max_answer, self.spec.n_best))

    def _step(self, batch: QuestionBatch, split: str, num: int) -> tuple[Tensor, Candidates]:
        logs = self(batch)
        losses = self.losses(batch, logs)
        candidates = best_spans(logs.detach(), possible(batch), self.spec.max_answer, num)
        self.metrics[split].update(batch, losses, candidates)
        return losses, candidates


def _outputs(batch: QuestionBatch, candidates: Candidates) -> Outputs:
    parts = (batch.rows, candidates.scores, characters(batch, candidates), candidates.none)
    return Outputs(*(tensor[: num_counted(batch)].cpu() for tensor in parts))


def possible(batch: QuestionBatch) -> Tensor:
    """The tokens that may be part of an answer, (B, L) bool: those of the context."""
    return batch.places[..., 0] >= 0


def characters(batch: QuestionBatch, candidates: Candidates) -> Tensor:
    """The characters [start, end) of each candidate in the context, (B, N, 2)."""
    starts = batch.places[..., 0].gather(1, candidates.first)
    ends = batch.places[..., 1].gather(1, candidates.last)
    return torch.stack([starts, ends], -1)
