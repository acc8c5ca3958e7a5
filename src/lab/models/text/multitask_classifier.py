"""One text encoder, one linear head per label column. Shapes: B rows, L tokens, D hidden, K classes."""

from torch import Tensor, nn

from lab.config.schema import LossConfig
from lab.core.batches import TextBatch, TextSpec
from lab.models.classifier import Classifier
from lab.models.pooling import Pooling, TokenPooling
from lab.models.task_module import TextTaskModule, Training
from lab.models.text.interfaces import BagEncoder, CuttableEncoder, TextEncoder


class MultitaskTextClassifier(TextTaskModule, Classifier):
    """Fine-tunes an encoder with one head per label column of the data's spec.

    pooling: of what gives a vector a token; None for a `BagEncoder`.
    """

    def __init__(
        self, spec: TextSpec, encoder: TextEncoder, pooling: Pooling | None, loss: LossConfig, dropout: float,
        training: Training,
    ) -> None:  # fmt: skip
        super().__init__(spec.heads, loss, training)
        self.spec = spec
        self.encoder = encoder
        assert (pooling is None) == isinstance(encoder, BagEncoder), f"pooling {pooling} of a {type(encoder).__name__}"
        self.pooling = None if pooling is None else TokenPooling(pooling, encoder.dimension, len(spec.heads))
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(encoder.dimension, head.num_classes) for head in spec.heads)

    def forward(self, batch: TextBatch) -> list[Tensor]:
        """Logits (B, K) of each head."""
        read: Tensor = self.dropout(self._read(batch))
        each = read.expand(-1, len(self.heads), -1).unbind(1)
        return [head(one) for head, one in zip(self.heads, each, strict=True)]

    def _read(self, batch: TextBatch) -> Tensor:
        """(B, 1 or heads, D); from the states of the frozen layers where the batch brings them."""
        if batch.states is None:
            hidden: Tensor = self.encoder(batch.ids, batch.mask)
        else:
            assert isinstance(self.encoder, CuttableEncoder), f"states for a {type(self.encoder).__name__}"
            hidden = self.encoder.forward_above(batch.states, batch.mask, batch.depth)
        if self.pooling is None:
            return hidden.unsqueeze(1)
        found: Tensor = self.pooling(hidden, batch.mask)
        return found
