"""What every encoder of texts is to the rest: ids and mask in, vectors out, and the parts freezing acts on.
Some give a vector a text (`BagEncoder`), some a vector a token (`TokenEncoder`), which may be cut between layers
(`CuttableEncoder`).

Also the names of the files that describe tokenizer and encoder in a run folder, beside the config and the checkpoint.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from torch import Tensor, nn

TOKENIZER_FILE = "lab_tokenizer.json"
ARCHITECTURE_FILE = "architecture.json"


def is_adapter(name: str) -> bool:
    """Whether the parameter of this name belongs to an adapter, as PEFT names them."""
    return ".lora_" in name


class TextEncoder(nn.Module, ABC):
    """ids (B, L) int64 and mask (B, L) bool -> vectors of `dimension`."""

    dimension: int

    @property
    @abstractmethod
    def embeddings(self) -> list[nn.Module]:
        """All that stands below the first layer or is shared by layers: with it frozen, frozen layers stay a fixed
        function of the text."""

    @property
    @abstractmethod
    def layers(self) -> list[nn.Module]:
        """Blocks from the input up; empty where there are none."""

    @abstractmethod
    def save_architecture(self, folder: Path) -> None:
        """Write what it takes, beside the model's config and tokenizer, to build this encoder again without weights."""

    def checkpoint_gradients(self) -> bool:
        """From now on keep only what enters each layer for the backward pass, and compute the rest again; whether that
        is possible."""
        return False

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        """Parameters that never train, whatever is frozen or thawed: those below adapters."""
        return []


class BagEncoder(TextEncoder):
    """An encoder for which order is nothing: a vector a text, with no tokens left to pool."""

    @abstractmethod
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, dimension)."""


class TokenEncoder(TextEncoder):
    """An encoder that has a vector for each token; what one is made of them for the text is for a task to say."""

    @abstractmethod
    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """(B, L, dimension). segments (B, L) int64: 0 or 1, which text of a pair a token is of, for those that ask."""


class CuttableEncoder(TokenEncoder):
    """An encoder that can be cut above any layer.

    `forward_above(forward_below(ids, mask, n), mask, n)` is `forward(ids, mask)`.
    """

    whole: str | None
    """Why this one cannot be cut after all; None where it can."""

    @abstractmethod
    def longest(self, pad_id: int) -> int:
        """Tokens that an input may have."""

    @abstractmethod
    def signature(self) -> str:
        """What decides, besides the weights, what the layers compute."""

    @abstractmethod
    def forward_below(self, ids: Tensor, mask: Tensor, num_layers: int) -> Tensor:
        """Hidden states (B, L, dimension) above the first `num_layers` layers."""

    @abstractmethod
    def forward_above(self, states: Tensor, mask: Tensor, num_layers: int) -> Tensor:
        """What `forward` makes of hidden states (B, L, dimension) that have been through `num_layers` layers."""
