"""The interfaces of text encoders: they read ids and a mask, give vectors, and name the parts that freezing acts on.

A `BagEncoder` gives one vector per text, a `TokenEncoder` one vector per token. A `CuttableEncoder` is a `TokenEncoder`
that can be cut between layers. The module also has the names of the files that describe tokenizer and encoder in a run
folder.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

TOKENIZER_FILE = "lab_tokenizer.json"
ARCHITECTURE_FILE = "architecture.json"


def is_adapter(name: str) -> bool:
    """Whether a parameter name is that of an adapter, by PEFT's naming."""
    return ".lora_" in name


class TextEncoder(nn.Module, ABC):
    """Base of all text encoders: ids (B, L) int64 and mask (B, L) bool -> vectors of size `dimension`."""

    dimension: int
    takes_no_mask = False
    """Whether the mask may be None for a batch without padding. Attention without a mask is faster."""

    @property
    def embeddings(self) -> list[nn.Module]:
        """Modules below the first layer, and modules that layers share. While these are frozen, frozen layers stay a
        fixed function of the text."""
        return []

    @property
    def layers(self) -> list[nn.Module]:
        """Layers from the input up; empty if there are none."""
        return []

    def save_architecture(self, folder: Path) -> None:
        """Write what is needed, besides config and tokenizer, to build this encoder again without its weights."""

    def checkpoint_gradients(self) -> bool:
        """Keep only the input of each layer for the backward pass and compute the rest again. Returns False if the
        encoder does not support this."""
        return False

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        """Parameters that never train, whichever layers are frozen: the base weights under adapters."""
        return []


class EncoderKind(NamedTuple):
    """A part of `TEXT_ENCODERS` whose new encoders cost more than those that a checkpoint will fill.

    new: (settings, tokenizer) -> encoder, with pretrained weights where the settings name some. rebuilt: (settings,
    tokenizer, folder) -> encoder of any weights, from the files of `save_architecture(folder)`.
    """

    new: Callable[[Any, Any], TextEncoder]
    rebuilt: Callable[[Any, Any, Path], TextEncoder]


class BagEncoder(TextEncoder):
    """An encoder that ignores word order and gives one vector per text, so there is nothing to pool."""

    @abstractmethod
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors (B, dimension)."""


class TokenEncoder(TextEncoder):
    """An encoder that gives one vector per token; the task decides how to pool them."""

    @abstractmethod
    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """Vectors (B, L, dimension). segments (B, L) int64: 0 or 1, the text of a pair to which a token belongs.
        Encoders without such an input ignore it."""


class CuttableEncoder(TokenEncoder):
    """An encoder that can be cut above any layer.

    `forward_above(forward_below(ids, mask, n), mask, n)` is `forward(ids, mask)`.
    """

    whole: str | None
    """Why this encoder cannot be cut after all; None if it can."""

    @abstractmethod
    def longest(self, pad_id: int) -> int:
        """The most tokens that an input may have."""

    @abstractmethod
    def signature(self) -> str:
        """Text with all settings that decide, besides the weights, what the layers compute."""

    @abstractmethod
    def forward_below(self, ids: Tensor, mask: Tensor, num_layers: int) -> Tensor:
        """Hidden states (B, L, dimension) above the first `num_layers` layers."""

    @abstractmethod
    def forward_above(self, states: Tensor, mask: Tensor | None, num_layers: int) -> Tensor:
        """The output of `forward`, from the hidden states (B, L, dimension) after the first `num_layers` layers."""
