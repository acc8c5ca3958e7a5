"""A classifier of texts: one encoder, and one linear head per label column.

The encoder's token vectors are pooled into one vector per text, or per text and head with attention pooling. With a
cache of hidden states, the frozen layers are skipped. Shapes: B rows, L tokens, D width, K classes.
"""

from torch import Tensor, nn

from lab.config.schema import AnyLoss
from lab.core.batches import TextBatch, TextSpec, TextWindows
from lab.models.classifier import Classifier
from lab.models.pooling import TokenPooling
from lab.models.task_module import TextTaskModule, Training
from lab.models.text.interfaces import BagEncoder, CuttableEncoder, TextEncoder
from lab.models.text.windows import mean_over_windows


class MultitaskTextClassifier(TextTaskModule, Classifier):
    """Fine-tunes an encoder with one head per label column of the data's spec.

    pooling: how token vectors become one vector per text; None for a `BagEncoder`, which has no token vectors.
    own_head: a module that takes hidden states (B, L, D) and the mask (B, L) and gives the logits of the only head; it
    replaces pooling, dropout and linear heads. windows: a longer text is read in several after training; None: none is
    longer than the encoder reads.
    """

    def __init__(
        self, spec: TextSpec, encoder: TextEncoder, pooling: str | None, loss: AnyLoss, dropout: float,
        training: Training, own_head: nn.Module | None = None, windows: TextWindows | None = None,
    ) -> None:  # fmt: skip
        super().__init__(spec.heads, loss, training)
        self.spec = spec
        self.encoder = encoder
        self.windows = windows
        self.has_own_head = own_head is not None
        unpooled = self.has_own_head or isinstance(encoder, BagEncoder)
        assert (pooling is None) == unpooled, f"pooling {pooling} for a {type(encoder).__name__}"
        self.pooling = None if pooling is None else TokenPooling(pooling, encoder.dimension, len(spec.heads))
        self.dropout = nn.Dropout(dropout)
        if own_head is not None:
            assert len(spec.heads) == 1, "one head for several label columns"
            self.heads = nn.ModuleList([own_head])
        else:
            self.heads = nn.ModuleList(nn.Linear(encoder.dimension, head.num_classes) for head in spec.heads)

    def forward(self, batch: TextBatch) -> list[Tensor]:
        """Logits (B, K) of each head."""
        if self.training or self.windows is None or batch.ids.shape[1] <= self.windows.size:
            return self.on_base(self._own_logits(batch), batch)
        return self.on_base(mean_over_windows(batch, self.windows, self.spec.pad_id, self._own_logits), batch)

    def _own_logits(self, batch: TextBatch) -> list[Tensor]:
        if self.has_own_head:
            return [self.heads[0](self._hidden(batch), batch.mask)]
        pooled: Tensor = self.dropout(self._pooled(batch))
        per_head = pooled.expand(-1, len(self.heads), -1).unbind(1)
        return [head(features) for head, features in zip(self.heads, per_head, strict=True)]

    def pooling_above(self, depth: int) -> str | None:
        """The pooling whose result for a text is as fixed as the states after `depth` layers; None if a layer or a
        weight that may train lies between them."""
        fixed = self.pooling is not None and not self.pooling.has_weights and depth == len(self.encoder.layers)
        return self.pooling.how if fixed and self.pooling is not None else None

    def _hidden(self, batch: TextBatch) -> Tensor:
        """The encoder's output, computed from the batch's states of the frozen layers if it has these."""
        if batch.states is None:
            hidden: Tensor = self.encoder(batch.ids, self.encoder_mask(batch))
            return hidden
        assert isinstance(self.encoder, CuttableEncoder), f"states for a {type(self.encoder).__name__}"
        return self.encoder.forward_above(batch.states, self.encoder_mask(batch), batch.depth)

    def _pooled(self, batch: TextBatch) -> Tensor:
        """Pooled vectors (B, 1 or heads, D)."""
        if batch.states is not None and batch.states.dim() == 2:
            return batch.states.float().unsqueeze(1)
        hidden = self._hidden(batch)
        if self.pooling is None:
            return hidden.unsqueeze(1)
        pooled: Tensor = self.pooling(hidden, batch.mask)
        return pooled
