"""How much of an encoder trains: all of it, or adapters beside a base that stays as it is."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, PositiveFloat, PositiveInt, Rate, Role, Share

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Peft(Node):
    """The keys of all methods of fine-tuning."""

    lr: Rate
    """Learning rate this method trains well at; `optimizer.lr` takes it from here."""


class Whole(Peft):
    """All of the encoder is trained, as far as `callbacks.freeze` lets it."""

    kind: Literal["none"]
    """Everything is trained."""


class Adapters(Peft):
    """LoRA or DoRA, beside a base in full precision or in 4 bits."""

    kind: Literal["lora", "dora", "qlora", "qdora"]
    """Method: LoRA or DoRA, with the encoder in full precision or (q) in 4 bits."""
    r: PositiveInt
    """Rank."""
    alpha: PositiveFloat
    """The adapters' output counts alpha/r times."""
    dropout: Share
    """In front of the adapters."""
    targets: Literal["query_value", "attention", "all"] | Names
    """Which matrices of a layer get one: by what they do, or by the last parts of their names."""
    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None
    """Which layers have adapters, from 0 at the input up; null: all."""
    merge: Annotated[bool, Role.CHANGEABLE]
    """Whether the run ends by writing encoder and adapters as one."""

    @property
    def quantised(self) -> bool:
        """Return whether the base is kept in 4 bits."""
        return self.kind in ("qlora", "qdora")

    @property
    def dora(self) -> bool:
        """Return whether the method is DoRA."""
        return self.kind in ("dora", "qdora")
