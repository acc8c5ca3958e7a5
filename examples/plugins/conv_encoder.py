"""A text encoder of one's own: embeddings and a convolution. It gets heads, missing labels, freezing and resume.

python train.py 'plugins=[examples.plugins.conv_encoder]' model=conv model.width=96
"""

from typing import Literal

from torch import Tensor, nn

from lab.config.schema import TextEncoderSettings
from lab.config.schema.node import PositiveInt, Width
from lab.core.batches import Tokenizer
from lab.core.registry import TEXT_ENCODERS
from lab.models.text.interfaces import TokenEncoder


class ConvSettings(TextEncoderSettings):
    """Settings of `model=conv`; each is a key `model.NAME`, checked as every other key."""

    kind: Literal["conv"] = "conv"
    lr: float = 3e-3
    epochs: int = 4
    pooling: str = "max"
    width: Width = 64
    """Width of a token's vector."""
    kernel: PositiveInt = 5
    """Tokens that one output sees."""


@TEXT_ENCODERS.register("conv", settings=ConvSettings)
class ConvEncoder(TokenEncoder):
    """ids (B, L) int64, mask (B, L) bool -> (B, L, width)."""

    def __init__(self, settings: ConvSettings, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.dimension = settings.width
        self.table = nn.Embedding(tokenizer.vocabulary_size, settings.width, padding_idx=tokenizer.pad_id)
        self.convolution = nn.Conv1d(settings.width, settings.width, settings.kernel, padding="same")

    @property
    def embeddings(self) -> list[nn.Module]:
        """What `callbacks.freeze.embeddings=true` freezes."""
        return [self.table]

    @property
    def layers(self) -> list[nn.Module]:
        """What `callbacks.freeze.layers=1` freezes."""
        return [self.convolution]

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """Padding is 0 before the convolution, so a text scores the same in any batch."""
        hidden = self.table(ids) * mask.unsqueeze(-1)
        output: Tensor = self.convolution(hidden.transpose(1, 2)).transpose(1, 2)
        return output.relu()
