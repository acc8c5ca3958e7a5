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
    Role,
)
from lab.config.schema.target import Target


class EarlyStoppingConfig(Node):
    """Early stopping on a validation metric."""

    patience: PositiveInt | None
    """Whole epochs without an improvement after which a run stops; null: off."""
    metric: str | None
    """Logged metric that is watched; null: the objective's."""
    mode: Mode | None
    """Whether less or more of the metric is better; null: as the name of the metric, or its class in
    `metrics.extra`, says."""
    min_delta: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    """Smallest change of the metric that counts as an improvement."""


class FreezeConfig(Node):
    """Encoder layers that are not trained."""

    embeddings: bool
    """Keep the embeddings as they are; implied by `layers` above 0."""
    layers: NonNegativeInt
    """Number of encoder layers, from the input up, that are kept as they are in evaluation mode."""
    schedule: Annotated[dict[NonNegativeInt, NonNegativeInt], NullIsEmpty]
    """Gradual unfreezing: epoch (from 0) to the number of layers that are still frozen from it on."""


class AccumulateConfig(Node):
    """Gradient accumulation by epoch."""

    schedule: Annotated[dict[NonNegativeInt, PositiveInt], NullIsEmpty]
    """Epoch (from 0) to the micro-batches per optimizer step from it on; null: `trainer.accumulate_grad_batches`."""


class CheckpointConfig(Node):
    """When last.ckpt is written inside an epoch."""

    every_n_steps: PositiveInt | None
    """Optimizer steps between two writes of last.ckpt inside an epoch; null: off."""
    every_minutes: PositiveFloat | None = 10.0
    """Minutes since the last write after which last.ckpt is written again; null: off."""


class Switch(Node):
    """A callback that has no setting of its own."""

    enabled: bool
    """Turn the callback on."""


class OverfitConfig(Node):
    """Warning of a gap between train and validation."""

    gap: Annotated[float, Field(gt=0.0), Number] | None
    """Difference of the objective between train and validation above which a warning is printed; null: off."""


class CurvesConfig(Node):
    """Figures of the metrics over the epochs."""

    png: bool
    """Draw figures/curves.png after each epoch."""
    gif: bool
    """Draw figures/curves.gif with one frame per epoch."""


class ProgressConfig(Node):
    """Progress bar and progress lines."""

    refresh: NonNegativeInt
    """Batches between two drawings of the progress bar; 0: no bar."""
    interval_s: NonNegativeFloat | None = 30.0
    """Seconds between two lines inside an epoch where there is no bar; 0 or null: none."""


class LrFinderConfig(Node):
    """Learning-rate range test."""

    enabled: bool
    """Run a learning-rate range test before training, which sets `optimizer.lr`."""
    min_lr: Rate
    """Lowest learning rate of the test."""
    max_lr: Rate
    """Highest learning rate of the test."""
    num_steps: Annotated[int, Field(ge=10, le=1_000_000), Number]
    """Optimizer steps of the test."""


class BatchFinderConfig(Node):
    """Search for the largest batch size."""

    enabled: bool
    """Find the largest batch size that fits into memory, by doubling, before training."""
    max_batch_size: PositiveInt
    """Largest batch size, in rows, that is tried."""


class CallbacksConfig(Node):
    """All callbacks."""

    early_stopping: Annotated[EarlyStoppingConfig, Role.CHANGEABLE]
    """Stops a run whose metric no longer improves."""
    freeze: FreezeConfig
    """Encoder layers that are not trained."""
    accumulate: AccumulateConfig
    """Micro-batches per optimizer step, by epoch."""
    checkpoint: Annotated[CheckpointConfig, Role.CHANGEABLE | Role.NOT_COMPARED]
    """When last.ckpt is written, besides the end of each epoch."""
    nan_guard: Annotated[Switch, Role.CHANGEABLE]
    """Ends a run whose loss is not finite."""
    overfit: Annotated[OverfitConfig, Role.CHANGEABLE]
    """Warns of a gap between train and validation."""
    resources: Switch
    """Logs samples and tokens per second, the share of padding and the peak memory."""
    curves: Annotated[CurvesConfig, Role.UNNAMED | Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED]
    """Figures of the metrics over the epochs."""
    progress: Annotated[ProgressConfig, Role.UNNAMED | Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED]
    """Progress bar, or lines where there is no terminal."""
    lr_finder: LrFinderConfig
    """Learning-rate range test before training."""
    batch_finder: BatchFinderConfig
    """Search for the largest batch size before training."""
    extra: Annotated[dict[str, Target], NullIsEmpty] = Field(default_factory=dict)
    """Further callbacks of Lightning or of a plug-in, by a name of your own: `{_target_: CLASS, ARGUMENT: VALUE}`."""
