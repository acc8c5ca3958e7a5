"""One text encoder, one linear head per label column. Shapes: B rows, L tokens, D hidden, K classes."""

from typing import cast

from torch import Tensor, nn

from lab.batches import TextBatch, TextSpec
from lab.models.base import TextTask, Training
from lab.models.classifier import Classifier
from lab.models.encoder import TextEncoder
from lab.models.text_encoder import CuttableEncoder
from lab.schema import Loss


class MultitaskTextClassifier(TextTask, Classifier):
    """Fine-tunes a `TextEncoder` with one head per label column of the data's spec."""

    def __init__(self, spec: TextSpec, encoder: TextEncoder, loss: Loss, dropout: float, training: Training) -> None:
        super().__init__(spec.heads, loss, training)
        self.spec = spec
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(encoder.dimension, head.num_classes) for head in spec.heads)

    def forward(self, batch: TextBatch) -> list[Tensor]:
        """Logits (B, K) of each head."""
        hidden = self.dropout(self._encoded(batch))
        return [head(hidden) for head in self.heads]

    def _encoded(self, batch: TextBatch) -> Tensor:
        """(B, D); from the states of the frozen layers where the batch brings them."""
        if batch.states is None:
            return cast(Tensor, self.encoder(batch.ids, batch.mask))
        assert isinstance(self.encoder, CuttableEncoder), f"states for a {type(self.encoder).__name__}"
        return self.encoder.upper(batch.states, batch.mask, batch.depth)
