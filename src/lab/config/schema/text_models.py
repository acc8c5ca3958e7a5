"""Models of texts: encoders of the transformers library, or hashed n-grams."""

from typing import Annotated, Any, Literal

from pydantic import Field

from lab.config.schema.node import Node, Number, PositiveInt, Rate, Share, Width


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


class Encoder(Model):
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
    pooling: Literal["cls", "mean", "max", "attention"]
    """How the token vectors of a text become the input of a head; attention: each head learns a query."""
    dropout: Share
    """In front of the heads."""
    attention_dropout: Share | None
    """Of attention weights; null: as the weights' config says. Above 0 torch's CPU attention is not the fused one."""


Length = Annotated[int, Field(gt=0, le=100), Number]


class Ngram(Model):
    """Hashed word and character n-grams."""

    kind: Literal["ngram"]
    """Hashed n-grams."""
    buckets: Annotated[int, Field(gt=0, le=2**31 - 2), Number]
    """Rows of the embedding table; n-grams are hashed into it, words and characters into a half each; 32-bit ids."""
    dimension: Width
    """Width of an embedding."""
    word_ngrams: tuple[Length, Length]
    """Shortest and longest word n-gram."""
    char_ngrams: tuple[Length, Length] | None
    """Shortest and longest character n-gram inside word boundaries; null: none."""
    ngram_dropout: Share
    """Share of a text's n-grams left out in training, drawn anew each time."""
    dropout: Share
    """Dropout in front of the heads."""
