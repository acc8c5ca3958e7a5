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


class EarlyStoppingConfig(Node):
    patience: PositiveInt | None
    metric: str | None
    mode: Mode | None
    min_delta: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]


class FreezeConfig(Node):
    embeddings: bool
    layers: NonNegativeInt
    schedule: Annotated[dict[NonNegativeInt, NonNegativeInt], NullIsEmpty]


class AccumulateConfig(Node):
    batches: PositiveInt
    schedule: Annotated[dict[NonNegativeInt, PositiveInt], NullIsEmpty]


class CheckpointConfig(Node):
    every_n_steps: PositiveInt | None
    every_minutes: PositiveFloat | None = 10.0


class Switch(Node):
    enabled: bool


class OverfitConfig(Node):
    gap: Annotated[float, Field(gt=0.0), Number] | None


class CurvesConfig(Node):
    png: bool
    gif: bool


class ProgressConfig(Node):
    refresh: NonNegativeInt
    interval_s: NonNegativeFloat | None = 30.0


class LrFinderConfig(Node):
    enabled: bool
    min_lr: Rate
    max_lr: Rate
    num_steps: Annotated[int, Field(ge=10, le=1_000_000), Number]


class BatchFinderConfig(Node):
    enabled: bool
    max_batch_size: PositiveInt


class CallbacksConfig(Node):
    early_stopping: EarlyStoppingConfig
    freeze: FreezeConfig
    accumulate: AccumulateConfig
    checkpoint: CheckpointConfig
    nan_guard: Switch
    overfit: OverfitConfig
    resources: Switch
    curves: CurvesConfig
    progress: ProgressConfig
    lr_finder: LrFinderConfig
    batch_finder: BatchFinderConfig
