"""Words that data and models share: what a batch holds and what the data tells the model. Shapes: B rows, L tokens.

The only thing that flows "up" from data to a model is a frozen spec; the only thing that flows down the other way
is a `Tokenizer`, because a vocabulary may have to be learned from the training texts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MISSING = -100
"""Label index of a row whose label is not known: costs nothing, counts nowhere (torch's `ignore_index`)."""

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class HeadSpec:
    """One classification head: a label column, its classes and how often training rows carry each."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        assert len(self.classes) == len(self.counts), (
            f"head {self.name}: {len(self.classes)} classes, {len(self.counts)} counts"
        )

    @property
    def num_classes(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class TextSpec:
    """What the data tells a text model: its heads, the vocabulary size, the padding id and the longest input."""

    heads: tuple[HeadSpec, ...]
    vocabulary_size: int
    pad_id: int
    max_length: int


@dataclass
class TextBatch:
    """One micro-batch of tokenised texts.

    ids, mask: (B, L) int64 and bool, padded to the longest row of the batch. labels: per head (B,) int64, `MISSING`
    where unknown. rows: (B,) int64, each row's place in its split (predictions leave in input order by it).
    window_counts: per head (K,) int64, how many labels of each class the whole accumulation window holds: dividing by
    it makes 4 x 4 accumulated equal batch 16, missing labels and the last, shorter window included. states: where they
    are kept, hidden states (B, L, D) that have been through the encoder's first `depth` layers, zeros behind each text.
    """

    ids: Tensor
    mask: Tensor
    labels: dict[str, Tensor]
    rows: Tensor
    window_counts: dict[str, Tensor]
    states: Tensor | None = None
    depth: int = 0

    def to(self, device: torch.device, non_blocking: bool = False) -> "TextBatch":
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "TextBatch":
        return self._each(Tensor.pin_memory)

    def _each(self, act: Callable[[Tensor], Tensor]) -> "TextBatch":
        labels = {name: act(tensor) for name, tensor in self.labels.items()}
        counts = {name: act(tensor) for name, tensor in self.window_counts.items()}
        states = None if self.states is None else act(self.states)
        return TextBatch(act(self.ids), act(self.mask), labels, act(self.rows), counts, states, self.depth)

    def __len__(self) -> int:
        return int(self.ids.shape[0])


@dataclass(frozen=True)
class SeriesSpec:
    """What the data tells a series model: its heads, the channels of an input and its longest window, in time steps.

    channels: names (C), those that say where a value was missing included. patch-wise nets pad to their own multiple.
    """

    heads: tuple[HeadSpec, ...]
    channels: tuple[str, ...]
    length: int


@dataclass
class SeriesBatch:
    """One micro-batch of windows. Shapes: B rows, T time steps, C channels.

    values: (B, T, C) float32, 0 where nothing was observed. observed: (B, T, C) bool, False for a missing value and for
    padding. Rows shorter than the longest of the batch are padded on the left: the newest sample is always the last.
    labels, rows, window_counts: as in `TextBatch`. states: where they are kept, hidden states (B, S, D) of the net's S
    places that have been through its first `depth` layers.
    """

    values: Tensor
    observed: Tensor
    labels: dict[str, Tensor]
    rows: Tensor
    window_counts: dict[str, Tensor]
    states: Tensor | None = None
    depth: int = 0

    def to(self, device: torch.device, non_blocking: bool = False) -> "SeriesBatch":
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "SeriesBatch":
        return self._each(Tensor.pin_memory)

    def _each(self, act: Callable[[Tensor], Tensor]) -> "SeriesBatch":
        labels = {name: act(tensor) for name, tensor in self.labels.items()}
        counts = {name: act(tensor) for name, tensor in self.window_counts.items()}
        states = None if self.states is None else act(self.states)
        return SeriesBatch(act(self.values), act(self.observed), labels, act(self.rows), counts, states, self.depth)

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True)
class References:
    """What the questions of one split ask about and expect. Question i reads `contexts[context_of[i]]`.

    answers: per question every accepted text; empty where the context holds none (SQuAD v2).
    """

    contexts: tuple[str, ...]
    context_of: tuple[int, ...]
    answers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class QuestionSpec:
    """What the data tells a model that answers questions. max_answer: tokens; no_answer: whether it may say "none"."""

    vocabulary_size: int
    pad_id: int
    max_length: int
    language: str
    max_answer: int
    n_best: int
    no_answer: bool
    references: Mapping[str, References]


@dataclass
class QuestionBatch:
    """One micro-batch of windows: a question and a stretch of its context each. Shapes: B windows, L tokens.

    ids, mask: as in `TextBatch`. segments: (B, L) int64, the tokenizer's own numbers for the texts of a pair. places:
    (B, L, 2) int64, the characters [start, end) of the context that a token stands for; -1 where it stands for none
    (question, special tokens, padding). spans: (B, 2) int64, the first and last token of the answer; 0 and 0, the first
    token, where the window does not hold it. rows: (B,) int64, each window's question in its split. window_rows: scalar
    int64, windows in the whole accumulation window: dividing by it makes 4 x 4 accumulated equal batch 16.
    """

    ids: Tensor
    mask: Tensor
    segments: Tensor
    places: Tensor
    spans: Tensor
    rows: Tensor
    window_rows: Tensor

    def to(self, device: torch.device, non_blocking: bool = False) -> "QuestionBatch":
        return QuestionBatch(*(tensor.to(device, non_blocking=non_blocking) for tensor in vars(self).values()))

    def pin_memory(self) -> "QuestionBatch":
        return QuestionBatch(*(tensor.pin_memory() for tensor in vars(self).values()))

    def __len__(self) -> int:
        return int(self.ids.shape[0])


class Batch(Protocol):
    """One micro-batch of any task; `len` counts its rows."""

    def to(self, device: torch.device, non_blocking: bool = False) -> "Batch": ...

    def pin_memory(self) -> "Batch": ...

    def __len__(self) -> int: ...


@runtime_checkable
class Tokenizer(Protocol):
    """Text to ids. Picklable (loader workers, spawn) and savable (a run folder must be able to test itself again)."""

    pad_id: int
    vocabulary_size: int
    longest: int
    """The longest input the model takes, in the unit of `lengths`."""
    unit: str
    """What `lengths` counts: "tokens" (special tokens included) or "words"."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Untruncated length of each text."""
        ...

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of each text, cut to `max_length`, special tokens included, without padding."""
        ...

    def save(self, folder: Path) -> None: ...

    def fingerprint(self) -> str:
        """Hex digest that changes whenever `encode` would."""
        ...


class Window(NamedTuple):
    """A question with a stretch of its context, as one input. places: as in `QuestionBatch`, a pair a token."""

    ids: list[int]
    segments: list[int]
    places: list[tuple[int, int]]


@runtime_checkable
class PairTokenizer(Tokenizer, Protocol):
    """A tokenizer that also joins two texts and knows where each token stands."""

    def windows(
        self, questions: Sequence[str], contexts: Sequence[str], max_length: int, stride: int
    ) -> list[list[Window]]:
        """Each pair as inputs of at most `max_length`: the question whole, the context in pieces that share `stride`
        tokens with the next. Raises ValueError for a question that leaves no more than `stride` tokens of room."""
        ...

    def room(self, questions: Sequence[str], max_length: int) -> list[int]:
        """Tokens of context that fit beside each question."""
        ...


Scores = Mapping[str, float]
"""Flat map of metric names without the split prefix: `f1_macro`, `causa/f1_macro`, `loss`."""
