"""Models of texts: encoders of the transformers library, or hashed n-grams."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from lab.config.schema.node import Node, NonNegativeFloat, NonNegativeInt, Number, PositiveInt, Rate, Share, Width
from lab.core.registry import POOLINGS

POOLING_KINDS = ("cls", "mean", "max", "attention")
"""Poolings of `lab` itself; `POOLINGS` has those of plug-ins."""


def known_pooling(name: str) -> str:
    """Return the name. Raises pydantic's error of a choice for a pooling that does not exist."""
    names = [*POOLING_KINDS, *POOLINGS]
    if name in names:
        return name
    raise PydanticCustomError("literal_error", "must be one of {expected}", {"expected": ", ".join(map(repr, names))})


class Model(Node):
    """The keys of all models."""

    kind: str
    """Kind of the model; the keys that it has follow from it."""
    name: str
    """Short name, used in the run's name."""
    lr: Rate
    """Learning rate this model trains well at; `optimizer.lr` takes it from here."""
    epochs: PositiveInt
    """Epochs it wants; `trainer.max_epochs` takes it from here."""
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    """`optimizer.weight_decay` takes it from here."""
    label_smoothing: Share
    """`loss.label_smoothing` takes it from here."""
    logit_adjustment: Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False), Number] = 0.0
    """`loss.logit_adjustment` takes it from here."""


class TextNetwork(Model):
    """The keys of all networks for texts."""

    base: Literal["linear"] | None = None
    """A simple model whose logits the network's are added to, so that training starts from its scores: `linear`, TF-IDF
    of n-grams with a linear head; null: none."""
    base_dropout: Share = 0.0
    """Share of the training rows, drawn again for each batch, whose logits are the network's alone, so that it learns
    more than what the simple model leaves. Needs `base`."""
    confidence_weighting: NonNegativeFloat = 0.0
    """Power of the weights of training rows in the loss. 0: every label counts the same; 1: a label counts as its
    probability under the simple model fitted without its row, divided by the mean of its class, at most 1, so that
    doubtful labels count less; each class keeps its share of the loss. Needs `base`."""


class TextEncoderSettings(TextNetwork):
    """Base of the settings of a text encoder in a plug-in, which has fields and a `kind` of its own besides."""

    pooling: Annotated[str, AfterValidator(known_pooling)] = "mean"
    """Pooling of token vectors into one vector per text."""
    dropout: Share = 0.1
    """Dropout in front of the heads."""
    vocabulary_size: Annotated[int, Field(gt=0, le=100_000_000), Number] = 8000
    """Largest number of pieces of the vocabulary that is learned from the training texts."""
    lowercase: bool = True
    """Fold case in the vocabulary (accents are kept)."""
    max_tokens: PositiveInt = 512
    """Longest input of the encoder in tokens."""


class Encoder(TextNetwork):
    """An encoder of the transformers library."""

    kind: Literal["encoder"]
    """An encoder of the transformers library."""
    path: str | None
    """Hub name or folder of the weights; null: built from `architecture`."""
    package: str | None
    """Python package that ships the weights (minilm)."""
    sha256: str | None
    """Expected SHA-256 of the package's `model.safetensors`."""
    pretrained: bool
    """false: same architecture, random weights, vocabulary learned from the training texts."""
    architecture: dict[str, Any] | None
    """transformers config (`model_type`, `hidden_size`, ...) used when nothing is loaded."""
    vocabulary_size: Annotated[int, Field(gt=0, le=100_000_000), Number]
    """Size of a vocabulary that is learned."""
    lowercase: bool
    """Whether a learned vocabulary folds case (accents are kept)."""
    pooling: Annotated[str, AfterValidator(known_pooling)]
    """How the token vectors of a text become the input of a head; attention: each head learns a query."""
    head: Literal["linear", "transformers"] = "linear"
    """linear: a linear layer per label column over the pooled vector. transformers: the head that transformers has for
    this family (`AutoModelForSequenceClassification`), for one label column; it pools by itself, so `pooling` is not
    read."""
    dropout: Share
    """In front of the heads."""
    attention_dropout: Share | None
    """Of attention weights; null: as the weights' config says. Above 0 torch's CPU attention is not the fused one."""
    frozen_layers: NonNegativeInt = 0
    """Layers from the input up that keep their weights; `callbacks.freeze.layers` takes it from here."""
    cache_hidden_states: bool = False
    """Whether what the frozen layers compute is stored; `cache.hidden_states` takes it from here."""


Length = Annotated[int, Field(gt=0, le=100), Number]
Penalty = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Ngram(TextNetwork):
    """Hashed word and character n-grams."""

    kind: Literal["ngram"]
    """Hashed n-grams."""
    buckets: Annotated[int, Field(gt=0, le=2**31 - 2), Number]
    """Rows of the embedding table; n-grams are hashed into it, words and characters into one half each; 32-bit ids."""
    dimension: Width
    """Width of an embedding."""
    word_ngrams: tuple[Length, Length]
    """Shortest and longest word n-gram."""
    char_ngrams: tuple[Length, Length] | None
    """Shortest and longest character n-gram inside word boundaries; null: none."""
    ngram_dropout: Share
    """Share of a text's n-grams left out in training, drawn again for each batch."""
    dropout: Share
    """Dropout in front of the heads."""


class Linear(Model):
    """TF-IDF of n-grams with a support vector machine per class, solved after one pass over the training rows."""

    kind: Literal["linear"]
    """TF-IDF with a linear model."""
    c: Penalty | None
    """Weight of a row's error beside the squared weights; null: chosen on validation rows, per head, from .03 to 3."""
    choose_words: bool
    """Whether validation rows choose between n-grams of words only and all n-grams; false: all."""
    word_ngrams: tuple[Length, Length]
    """Shortest and longest word n-gram."""
    char_ngrams: tuple[Length, Length] | None
    """Shortest and longest character n-gram inside word boundaries; null: none."""
    min_texts: PositiveInt
    """Training texts that an n-gram must occur in."""
    buckets: Annotated[int, Field(gt=0, le=2**31 - 2), Number]
    """Numbers that n-grams are hashed into before rare ones are dropped; so many that collisions do not matter."""
