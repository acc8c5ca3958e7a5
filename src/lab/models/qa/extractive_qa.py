"""Extractive question answering over any encoder with a vector a token. Shapes: B windows, L tokens, D hidden.

One linear layer scores each token as the start and as the end of the answer (arXiv 1810.04805). A question's windows
compete by their best span's probability; for SQuAD v2 "no answer" wins where it is likelier, in every window, than the
best span (arXiv 1806.03822). Loss: mean cross-entropy of start and end.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lab.core.batches import QuestionBatch, QuestionSpec, References
from lab.models.qa.spans import Candidates, best_spans, log_probabilities, span_loss
from lab.models.qa.squad_metrics import mean_grades
from lab.models.task_module import Tally, TextTaskModule, Training
from lab.models.text.interfaces import TokenEncoder

NO_REFERENCES = References((), (), ())


class SpanTally(Tally):
    """Loss over windows, and of each question the best span seen so far in any of its windows.

    A question that no window came of (a cut training epoch) is not counted. State: five numbers a question.
    """

    def __init__(self, references: References, spec: QuestionSpec) -> None:
        self.references, self.spec = references, spec
        self.reset()

    def reset(self) -> None:
        num = len(self.references.answers)
        self.sums = torch.zeros(2, dtype=torch.double)
        self.best = torch.full((num,), -torch.inf)
        self.none = torch.full((num,), torch.inf)
        self.places = torch.zeros(num, 2, dtype=torch.long)
        self.seen = torch.zeros(num, dtype=torch.bool)

    def add(self, batch: QuestionBatch, losses: Tensor, found: Candidates) -> None:
        self.sums += torch.stack([losses.detach().sum().double().cpu(), torch.tensor(float(len(batch))).double()])
        best = found.scores[:, 0].float().cpu()
        none = found.none.float().cpu()
        places = characters(batch, found)[:, 0].cpu()
        for row, score, nothing, place in zip(batch.rows.tolist(), best, none, places, strict=True):
            self.seen[row] = True
            self.none[row] = torch.minimum(self.none[row], nothing)
            if score > self.best[row]:
                self.best[row], self.places[row] = score, place

    def answers(self) -> dict[int, str]:
        """The answer to each question seen; "" where none is likelier than any."""
        found = {}
        silent = self.best == -torch.inf
        if self.spec.no_answer:
            silent |= self.none > self.best
        for row in torch.nonzero(self.seen).flatten().tolist():
            start, end = self.places[row].tolist()
            context = self.references.contexts[self.references.context_of[row]]
            found[row] = "" if silent[row] else context[start:end]
        return found

    def scores(self) -> dict[str, float]:
        answers = self.answers()
        accepted = [self.references.answers[row] for row in answers]
        grades = mean_grades(list(answers.values()), accepted, self.spec.language, self.spec.no_answer)
        return grades | {"loss": float(self.sums[0] / self.sums[1])}

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name).clone() for name in ("sums", "best", "none", "places", "seen")}

    def restore(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value.clone())


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
        self.tallies = {split: SpanTally(expected, self.spec) for split, expected in known.items()}

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
        tally = self.tallies[split]
        assert isinstance(tally, SpanTally)
        tally.add(batch, losses, found)
        return losses, found


def possible(batch: QuestionBatch) -> Tensor:
    """(B, L) bool: the tokens that may be part of an answer, those of the context."""
    return batch.places[..., 0] >= 0


def characters(batch: QuestionBatch, found: Candidates) -> Tensor:
    """(B, N, 2) characters [start, end) of the context that each candidate stands for."""
    starts = batch.places[..., 0].gather(1, found.first)
    ends = batch.places[..., 1].gather(1, found.last)
    return torch.stack([starts, ends], -1)
