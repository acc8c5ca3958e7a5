"""How a model is trained: loss, optimizer, schedule, trainer; and the cache."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, NullIsEmpty, Number, PositiveFloat, PositiveInt, Rate, Share


class LossConfig(Node):
    kind: Literal["cross_entropy", "focal"]
    gamma: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    """How far focal loss turns from rows that are already right; 0: cross-entropy."""
    head_weights: Annotated[dict[str, PositiveFloat], NullIsEmpty]
    label_smoothing: Share
    class_weights: Literal["none", "balanced"] | dict[str, Literal["none", "balanced"]]
    head_weighting: Literal["fixed", "uncertainty"]


class OptimizerConfig(Node):
    lr: Rate
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    betas: tuple[Share, Share]
    eps: Rate
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0), Number]
    head_lr: Rate | None
    fused: bool | Literal["auto"]


class SchedulerConfig(Node):
    kind: Literal["linear", "cosine", "constant", "step"]
    warmup_ratio: Share
    warmup_steps: NonNegativeInt | None
    step_epochs: PositiveInt
    gamma: Annotated[float, Field(gt=0.0, le=1.0), Number]


class TrainerConfig(Node):
    max_epochs: Annotated[int, Field(gt=0, le=1_000_000), Number]
    """Bounded, because the step at which each of them ends is held for the schedules."""
    min_epochs: NonNegativeInt
    precision: Literal[32, 16, "32", "16", "bf16", "32-true", "16-mixed", "bf16-mixed", "auto"]
    accelerator: Literal["auto", "cpu", "gpu"]
    gradient_clip_val: PositiveFloat | None
    threads: Annotated[int, Field(gt=0, le=1_024), Number] | None
    gradient_checkpointing: bool
    compile: bool


class Cache(Node):
    dir: str
    max_gib: PositiveFloat
    hidden_states: bool
    dtype: Literal["auto", "bf16", "fp32"]
