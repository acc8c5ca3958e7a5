"""Optimizers and learning-rate schedules, one class per kind.

The defaults of a kind are in conf/optimizer and conf/scheduler. A saved config without `optimizer.kind` is of AdamW.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

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
    Share,
)
from lab.config.schema.target import Target

Factor = Annotated[float, Field(gt=0.0, le=1.0), Number]


class OptimizerConfig(Node):
    """What every optimizer has: its rates and weight decay, which are set by group of parameters."""

    kind: str
    """The optimizer."""
    lr: Rate
    """Peak learning rate."""
    weight_decay: NonNegativeFloat
    """Weight decay; biases and norms have none."""
    layer_decay: Factor
    """Factor of the learning rate from one encoder layer to the next one below; 1: the same rate for all."""
    head_lr: Rate | None
    """Learning rate of the heads; null: `lr`."""


class AdamW(OptimizerConfig):
    """AdamW (arXiv 1711.05101), with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    """AdamW."""
    betas: tuple[Share, Share]
    """Decay of AdamW's two running means, each 0 to below 1."""
    eps: Rate
    """Term that keeps AdamW's division finite."""
    fused: bool | Literal["auto"]
    """AdamW as one kernel per step; `auto`: where the device has it."""


class Sgd(OptimizerConfig):
    """Stochastic gradient descent; its weight decay is added to the gradient (L2)."""

    kind: Literal["sgd"]
    """Stochastic gradient descent."""
    momentum: Share
    """Share of the last update that is kept, 0 to below 1; 0: none."""
    nesterov: bool
    """Nesterov's momentum, which needs `momentum` above 0 and `dampening` 0."""
    dampening: Annotated[float, Field(ge=0.0, le=1.0), Number]
    """Share of the gradient that the momentum does not take."""


class Adafactor(OptimizerConfig):
    """Adafactor (arXiv 1804.04235): the second moment of a matrix is kept by rows and columns, in less memory."""

    kind: Literal["adafactor"]
    """Adafactor."""
    beta2_decay: Annotated[float, Field(le=0.0, allow_inf_nan=False), Number]
    """Exponent of the step by which the decay of the second moment nears 1."""
    eps: tuple[Rate | None, Rate]
    """Terms that keep the second moment and the scale of parameters above 0; null as the first: the smallest number."""
    d: PositiveFloat
    """Largest root mean square of an update before it is clipped."""


class Lion(OptimizerConfig):
    """Lion (arXiv 2302.06675): the sign of an interpolated momentum; a rate 3 to 10 times lower than AdamW's."""

    kind: Literal["lion"]
    """Lion."""
    betas: tuple[Share, Share]
    """Weight of the momentum in the update, and decay of the momentum, each 0 to below 1."""


class CustomOptimizer(OptimizerConfig, Target):
    """An optimizer of torch (`torch.optim.RMSprop`) or of a plug-in, which gets the parameters, `lr` and
    `weight_decay`."""

    kind: Literal["custom"]
    """An optimizer that `_target_` names."""


def _adamw_unless_named(value: Any) -> Any:
    return {"kind": "adamw", **value} if isinstance(value, Mapping) else value


AnyOptimizer = Annotated[
    AdamW | Sgd | Adafactor | Lion | CustomOptimizer, Field(discriminator="kind"), BeforeValidator(_adamw_unless_named)
]


class ScheduleSettings(Node):
    """What every learning-rate schedule has."""

    kind: str
    """Course of the learning rate."""


class SchedulerConfig(ScheduleSettings):
    """Learning-rate schedule with warm-up."""

    kind: Literal["linear", "cosine", "constant", "step"]
    """Course of the learning rate after the warm-up."""
    warmup_ratio: Share
    """Share of all optimizer steps in which the rate rises from 0."""
    warmup_steps: NonNegativeInt | None
    """Number of optimizer steps of the warm-up, in place of `warmup_ratio`; null: the ratio counts."""
    step_epochs: PositiveInt
    """Epochs between two drops of kind `step`."""
    gamma: Factor
    """Factor of each drop of kind `step`."""


class OneCycle(ScheduleSettings):
    """The one-cycle policy (arXiv 1708.07120) over the whole run: the rate rises to `optimizer.lr` and falls again."""

    kind: Literal["one_cycle"]
    """torch's OneCycleLR."""
    pct_start: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Share of the run in which the rate rises."""
    anneal_strategy: Literal["cos", "linear"]
    """Form of the rise and the fall."""
    cycle_momentum: bool
    """Let the momentum (SGD) or the first beta fall while the rate rises."""
    base_momentum: Share
    """Momentum at the highest rate."""
    max_momentum: Share
    """Momentum at the lowest rate."""
    div_factor: Annotated[float, Field(ge=1.0, allow_inf_nan=False), Number]
    """The highest rate divided by the first one."""
    final_div_factor: Annotated[float, Field(ge=1.0, allow_inf_nan=False), Number]
    """The first rate divided by the last one."""
    three_phase: bool
    """Fall back to the first rate as long as the rise took, then to the last one."""


class Plateau(ScheduleSettings):
    """The rate falls when a metric no longer improves; it is read after each validation."""

    kind: Literal["plateau"]
    """torch's ReduceLROnPlateau."""
    metric: str | None
    """Logged metric that is watched; null: the objective's."""
    mode: Mode | None
    """Whether less or more of the metric is better; null: that of the objective, or as the name of the
    metric, or its class in `metrics.extra`, says."""
    factor: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Factor of each drop."""
    patience: NonNegativeInt
    """Validations without an improvement that are waited for."""
    threshold: NonNegativeFloat
    """Smallest change that counts as an improvement."""
    threshold_mode: Literal["rel", "abs"]
    """Whether `threshold` is a share of the best value or a difference."""
    cooldown: NonNegativeInt
    """Validations after a drop that are not counted."""
    min_lr: NonNegativeFloat
    """Lowest rate."""


class TransformersSchedule(ScheduleSettings):
    """A schedule of transformers by its name there."""

    kind: Literal["transformers"]
    """A schedule of transformers."""
    name: Literal[
        "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt",
        "cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay",
    ]  # fmt: skip
    """Name of the schedule, as in transformers' `lr_scheduler_type`."""
    warmup_ratio: Share
    """Share of all optimizer steps in which the rate rises from 0."""
    warmup_steps: NonNegativeInt | None
    """Number of optimizer steps of the warm-up, in place of `warmup_ratio`; null: the ratio counts."""
    arguments: Annotated[dict[str, float | str | None], NullIsEmpty]
    """Further arguments of the schedule, `{num_cycles: 2}`; `warmup_stable_decay` decays over the last tenth of the
    steps unless `num_decay_steps` is given."""


class CustomScheduler(ScheduleSettings, Target):
    """A scheduler of torch, a schedule of transformers or a scheduler of a plug-in.

    `T_max`, `total_steps` and `num_training_steps` are the length of the run unless they are given.
    """

    kind: Literal["custom"]
    """A scheduler that `_target_` names."""
    interval: Literal["step", "epoch"]
    """How often it is stepped; one that watches a metric (ReduceLROnPlateau) is stepped after each validation."""


AnyScheduler = Annotated[
    SchedulerConfig | OneCycle | Plateau | TransformersSchedule | CustomScheduler, Field(discriminator="kind")
]
