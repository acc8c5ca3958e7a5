"""A classifier of texts: one encoder, and one linear head per label column.

The encoder's token vectors are pooled into one vector per text, or per text and head with attention pooling. With a
cache of hidden states, the frozen layers are skipped. Shapes: B rows, L tokens, D width, K classes.
"""

from torch import Tensor, nn

from lab.config.schema import AnyLoss
from lab.core.batches import TextBatch, TextSpec
from lab.models.classifier import Classifier
from lab.models.pooling import TokenPooling
from lab.models.task_module import TextTaskModule, Training
from lab.models.text.interfaces import BagEncoder, CuttableEncoder, TextEncoder


class MultitaskTextClassifier(TextTaskModule, Classifier):
    """Fine-tunes an encoder with one head per label column of the data's spec.

    pooling: how token vectors become one vector per text; None for a `BagEncoder`, which has no token vectors.
    """

    def __init__(
        self, spec: TextSpec, encoder: TextEncoder, pooling: str | None, loss: AnyLoss, dropout: float,
        training: Training,
    ) -> None:  # fmt: skip
        super().__init__(spec.heads, loss, training)
        self.spec = spec
        self.encoder = encoder
        assert (pooling is None) == isinstance(encoder, BagEncoder), f"pooling {pooling} for a {type(encoder).__name__}"
        self.pooling = None if pooling is None else TokenPooling(pooling, encoder.dimension, len(spec.heads))
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(encoder.dimension, head.num_classes) for head in spec.heads)

    def forward(self, batch: TextBatch) -> list[Tensor]:
        """Logits (B, K) of each head."""
        pooled: Tensor = self.dropout(self._pooled(batch))
        per_head = pooled.expand(-1, len(self.heads), -1).unbind(1)
        own = [head(features) for head, features in zip(self.heads, per_head, strict=True)]
        return self.on_base(own, batch)

    def _pooled(self, batch: TextBatch) -> Tensor:
        """Pooled vectors (B, 1 or heads, D), computed from the batch's states of the frozen layers if it has these."""
        if batch.states is None:
            hidden: Tensor = self.encoder(batch.ids, self.encoder_mask(batch))
        else:
            assert isinstance(self.encoder, CuttableEncoder), f"states for a {type(self.encoder).__name__}"
            hidden = self.encoder.forward_above(batch.states, self.encoder_mask(batch), batch.depth)
        if self.pooling is None:
            return hidden.unsqueeze(1)
        pooled: Tensor = self.pooling(hidden, batch.mask)
        return pooled
