"""The vocabulary of data and models: specs, batches and tokenizers. Shapes: B rows, L tokens.

A model is built from a frozen spec of the data alone. The run folder keeps the spec (`spec.json`), so that a saved
model is rebuilt without its data. Data depend on a model only by its `Tokenizer`, which may be learned from its texts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MISSING = -100
"""Label index of a row whose label is unknown: it has no loss and no score (torch's `ignore_index`)."""

Ids = npt.NDArray[np.int32]
SPECIALS = 2
"""Special tokens of a text: one before its content, one after it."""
SHARED = 4
"""Neighbouring windows share one part in four."""


class FlatIds(NamedTuple):
    """Ids of several texts: ids (all of them,) int32, one text after another; lengths (texts,) int64."""

    ids: Ids
    lengths: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "FlatIds":
        """Those of lists of ids, one list per text."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum())), lengths)

    @classmethod
    def joined(cls, parts: Sequence["FlatIds"]) -> "FlatIds":
        """The texts of all parts."""
        ids = np.concatenate([np.zeros(0, np.int32), *(part.ids for part in parts)])
        return cls(ids, np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)]))

    def rows(self) -> list[list[int]]:
        """A list of ids per text."""
        ids, ends = self.ids.tolist(), np.cumsum(self.lengths).tolist()
        return [ids[end - length : end] for end, length in zip(ends, self.lengths.tolist(), strict=True)]


@dataclass(frozen=True)
class HeadSpec:
    """One classification head: a label column, its classes, and how many training rows have each."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        assert len(self.classes) == len(self.counts), (
            f"head {self.name}: {len(self.classes)} classes, {len(self.counts)} counts"
        )

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)


@dataclass(frozen=True)
class TextSpec:
    """The data for a model of labelled texts: heads, vocabulary size, padding id, and longest input in tokens."""

    heads: tuple[HeadSpec, ...]
    vocabulary_size: int
    pad_id: int
    max_length: int


@dataclass(frozen=True)
class TextWindows:
    """The windows of a text that is longer than one of them.

    A window has the first special token of the text, a stretch of its content, and its last special token. The last
    window ends where the text ends. size: tokens of a window with its special tokens; most: windows of a text.
    """

    size: int
    most: int

    @property
    def content(self) -> int:
        """Tokens of a window without the special ones."""
        return self.size - SPECIALS

    @property
    def step(self) -> int:
        """Tokens from the start of a window to that of the next."""
        return max(1, self.content - self.content // SHARED)

    @property
    def longest(self) -> int:
        """Tokens of the longest text that is read whole, with its special tokens.

        >>> TextWindows(size=10, most=1).longest, TextWindows(size=10, most=3).longest
        (10, 22)
        """
        return self.size + (self.most - 1) * self.step

    def number(self, tokens: int) -> int:
        """The windows that a text of `tokens` tokens needs, without a limit.

        >>> [TextWindows(size=10, most=3).number(tokens) for tokens in (2, 10, 11, 16, 17, 22)]
        [1, 1, 2, 2, 3, 3]
        """
        return 1 + max(0, -(-(tokens - self.size) // self.step))


@dataclass
class TextBatch:
    """One micro-batch of tokenised texts.

    ids, mask: (B, L) int64 and bool, padded to the longest row of the batch. labels: per head (B,) int64, `MISSING`
    if unknown. rows: (B,) int64, each row's position in its split, which restores the input order of predictions.
    window_counts: per head (K,) int64, labels of each class in the whole accumulation window: dividing by it makes
    4 x 4 accumulated equal batch 16, even with missing labels and in the last, shorter window. states: with a cache of
    hidden states, (B, L, D) after the encoder's first `depth` layers, zeros after the end of each text; or (B, D), each
    text's pooled vector, where all layers are frozen and the pooling has no weights. whole: no row is padded, so that
    no code has to read the mask, for which a GPU must be waited for; False if this is not known. base: with
    `model.base`, per head the logits (B, K) float32 of the simple model. is_filler: as in
    `lab.data.batch_sampler.Draw`; all labels are `MISSING`.
    """

    ids: Tensor
    mask: Tensor
    labels: dict[str, Tensor]
    rows: Tensor
    window_counts: dict[str, Tensor]
    states: Tensor | None = None
    depth: int = 0
    whole: bool = False
    base: dict[str, Tensor] | None = None
    is_filler: bool = False

    def to(self, device: torch.device, non_blocking: bool = False) -> "TextBatch":
        """Return the batch on `device`."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "TextBatch":
        """Return the batch in page-locked memory, from which it is copied to a GPU faster."""
        return self._each(Tensor.pin_memory)

    def _each(self, act: Callable[[Tensor], Tensor]) -> "TextBatch":
        labels = {name: act(tensor) for name, tensor in self.labels.items()}
        counts = {name: act(tensor) for name, tensor in self.window_counts.items()}
        states = None if self.states is None else act(self.states)
        base = None if self.base is None else {name: act(tensor) for name, tensor in self.base.items()}
        ids, mask, rows = act(self.ids), act(self.mask), act(self.rows)
        return replace(
            self, ids=ids, mask=mask, labels=labels, rows=rows, window_counts=counts, states=states, base=base
        )

    def __len__(self) -> int:
        return int(self.ids.shape[0])


@dataclass(frozen=True)
class SeriesSpec:
    """The data for a model of series: heads, channels of an input, and its longest window in time steps.

    channels: names (C), including those that mark missing values. Nets that read patches pad to their own multiple.
    past_labels: place of the channel with the class of each past step (0 or 1), None without one.
    """

    heads: tuple[HeadSpec, ...]
    channels: tuple[str, ...]
    length: int
    past_labels: int | None = None


@dataclass
class SeriesBatch:
    """One micro-batch of windows. Shapes: B rows, T time steps, C channels.

    values: (B, T, C) float32, 0 if not observed. observed: (B, T, C) bool, False for a missing value and for padding.
    Rows shorter than the longest of the batch are padded on the left: the newest sample is always the last. labels,
    rows, window_counts: as in `TextBatch`. states: with a cache of hidden states, (B, S, D) of the net's S positions
    after its first `depth` layers. whole: every value is observed; as in `TextBatch`. base, is_filler: as in
    `TextBatch`.
    """

    values: Tensor
    observed: Tensor
    labels: dict[str, Tensor]
    rows: Tensor
    window_counts: dict[str, Tensor]
    states: Tensor | None = None
    depth: int = 0
    whole: bool = False
    base: dict[str, Tensor] | None = None
    is_filler: bool = False

    def to(self, device: torch.device, non_blocking: bool = False) -> "SeriesBatch":
        """Return the batch on `device`."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "SeriesBatch":
        """Return the batch in page-locked memory, from which it is copied to a GPU faster."""
        return self._each(Tensor.pin_memory)

    def _each(self, act: Callable[[Tensor], Tensor]) -> "SeriesBatch":
        labels = {name: act(tensor) for name, tensor in self.labels.items()}
        counts = {name: act(tensor) for name, tensor in self.window_counts.items()}
        states = None if self.states is None else act(self.states)
        values, observed, rows = act(self.values), act(self.observed), act(self.rows)
        base = None if self.base is None else {name: act(tensor) for name, tensor in self.base.items()}
        return replace(
            self, values=values, observed=observed, labels=labels, rows=rows, window_counts=counts, states=states,
            base=base,
        )  # fmt: skip

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True)
class References:
    """Contexts and accepted answers of the questions of one split. Question i reads `contexts[context_of[i]]`.

    answers: all accepted texts of each question; empty if the context does not contain the answer (SQuAD v2).
    """

    contexts: tuple[str, ...]
    context_of: tuple[int, ...]
    answers: tuple[tuple[str, ...], ...]

    def of(self, kept: Sequence[int]) -> "References":
        """Return those of some questions, in the order of `kept`."""
        answers = tuple(self.answers[place] for place in kept)
        return References(self.contexts, tuple(self.context_of[place] for place in kept), answers)


@dataclass(frozen=True)
class QuestionSpec:
    """The data for a model that answers questions. max_answer: tokens; no_answer: whether "no answer" is allowed."""

    vocabulary_size: int
    pad_id: int
    max_length: int
    language: str
    max_answer: int
    n_best: int
    no_answer: bool


@dataclass(frozen=True)
class CustomSpec:
    """The data of a custom data module, which only its own model knows."""


Spec = TextSpec | SeriesSpec | QuestionSpec | CustomSpec
SPEC_KINDS: Mapping[str, type[Spec]] = {
    "text": TextSpec,
    "series": SeriesSpec,
    "questions": QuestionSpec,
    "custom": CustomSpec,
}


def spec_fields(spec: Spec) -> dict[str, Any]:
    """A spec as plain values, with its kind: the content of `spec.json`."""
    kind = next(kind for kind, spec_type in SPEC_KINDS.items() if isinstance(spec, spec_type))
    return {"kind": kind, **asdict(spec)}


def spec_from_fields(fields: Mapping[str, Any]) -> Spec:
    """Return the spec that `spec_fields` wrote. fields: checked by `lab.core.record.spec_fields`."""
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    spec_type: Any = SPEC_KINDS[values.pop("kind")]
    if "heads" in values:
        heads = values["heads"]
        values["heads"] = tuple(HeadSpec(head["name"], tuple(head["classes"]), tuple(head["counts"])) for head in heads)
    spec: Spec = spec_type(**values)
    return spec


@dataclass
class QuestionBatch:
    """One micro-batch of windows: each is a question and a part of its context. Shapes: B windows, L tokens.

    ids, mask: as in `TextBatch`. segments: (B, L) int64, the tokenizer's own numbers for the two texts. places:
    (B, L, 2) int64, the characters [start, end) of the context that a token covers; -1 for all other tokens (question,
    special tokens, padding). spans: (B, 2) int64, the first and last token of the answer; 0 and 0, the first token, if
    the window does not contain it. rows: (B,) int64, each window's question in its split. window_rows: scalar
    int64, windows in the whole accumulation window: dividing by it makes 4 x 4 accumulated equal batch 16. whole: as in
    `TextBatch`. is_filler: as in `lab.data.batch_sampler.Draw`.
    """

    ids: Tensor
    mask: Tensor
    segments: Tensor
    places: Tensor
    spans: Tensor
    rows: Tensor
    window_rows: Tensor
    whole: bool = False
    is_filler: bool = False

    def to(self, device: torch.device, non_blocking: bool = False) -> "QuestionBatch":
        """Return the batch on `device`."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "QuestionBatch":
        """Return the batch in page-locked memory, from which it is copied to a GPU faster."""
        return self._each(Tensor.pin_memory)

    def _each(self, act: Callable[[Tensor], Tensor]) -> "QuestionBatch":
        moved: dict[str, Any] = {name: act(value) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)

    def __len__(self) -> int:
        return int(self.ids.shape[0])


class Batch(Protocol):
    """One micro-batch of any task; its `len` is the number of rows."""

    def to(self, device: torch.device, non_blocking: bool = False) -> "Batch":
        """Return the batch on `device`."""
        ...

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory, from which it is copied to a GPU faster."""
        ...

    def __len__(self) -> int: ...


@runtime_checkable
class Tokenizer(Protocol):
    """Text to ids. It can be pickled, for loader workers, and saved, so that a run folder can be tested again."""

    pad_id: int
    vocabulary_size: int
    longest: int
    """The longest input of the model, in the unit of `lengths`."""
    unit: str
    """The unit of `lengths`: "tokens" (including special tokens) or "words"."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Untruncated length of each text."""
        ...

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of each text, truncated to `max_length` with its special tokens, without padding."""
        ...

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        """The ids of `encode` in one array."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files from which this tokenizer is restored."""
        ...

    def fingerprint(self) -> str:
        """Hex digest that changes whenever the output of `encode` does."""
        ...


class Window(NamedTuple):
    """A question with a part of its context, as one input. places: as in `QuestionBatch`, one pair per token."""

    ids: list[int]
    segments: list[int]
    places: list[tuple[int, int]]


@runtime_checkable
class PairTokenizer(Tokenizer, Protocol):
    """A tokenizer that also joins two texts and gives the characters of each token."""

    def windows(
        self, questions: Sequence[str], contexts: Sequence[str], max_length: int, stride: int
    ) -> list[list[Window]]:
        """Each pair as inputs of at most `max_length`: the whole question, and a part of the context that shares
        `stride` tokens with the next. Raises ValueError if a question leaves room for at most `stride` tokens."""
        ...

    def room(self, questions: Sequence[str], max_length: int) -> list[int]:
        """Tokens of context that fit in addition to each question."""
        ...


Scores = Mapping[str, float]
"""Flat map of metric names without the split prefix: `f1_macro`, `causa/f1_macro`, `loss`."""
