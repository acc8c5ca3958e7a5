"""What watches and steers a training run; each is off until its setting asks."""

from typing import Annotated

from pydantic import Field

from lab.config.schema.node import (
    Mode,
    Node,
    NonNegativeFloat,
    NonNegativeInt,
    NullIsEmpty,
    Number,
    PositiveFloat,
    PositiveInt,
    Rate,
)


class EarlyStopping(Node):
    patience: PositiveInt | None
    metric: str | None
    mode: Mode | None
    min_delta: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]


class Freeze(Node):
    embeddings: bool
    layers: NonNegativeInt
    schedule: Annotated[dict[NonNegativeInt, NonNegativeInt], NullIsEmpty]


class Accumulate(Node):
    batches: PositiveInt
    schedule: Annotated[dict[NonNegativeInt, PositiveInt], NullIsEmpty]


class Checkpoint(Node):
    every_n_steps: PositiveInt | None
    every_minutes: PositiveFloat | None = 10.0


class Switch(Node):
    enabled: bool


class Overfit(Node):
    gap: Annotated[float, Field(gt=0.0), Number] | None


class Curves(Node):
    png: bool
    gif: bool


class Progress(Node):
    refresh: NonNegativeInt
    interval_s: NonNegativeFloat | None = 30.0


class LrFinder(Node):
    enabled: bool
    min_lr: Rate
    max_lr: Rate
    num_steps: Annotated[int, Field(ge=10, le=1_000_000), Number]


class BatchFinder(Node):
    enabled: bool
    max_batch_size: PositiveInt


class Callbacks(Node):
    early_stopping: EarlyStopping
    freeze: Freeze
    accumulate: Accumulate
    checkpoint: Checkpoint
    nan_guard: Switch
    overfit: Overfit
    resources: Switch
    curves: Curves
    progress: Progress
    lr_finder: LrFinder
    batch_finder: BatchFinder
