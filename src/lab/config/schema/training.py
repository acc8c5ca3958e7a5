"""How a model is trained: loss, optimizer, schedule, trainer; and the cache."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import (
    Node,
    NonNegativeInt,
    NullIsEmpty,
    Number,
    PositiveFloat,
    PositiveInt,
    Rate,
    Role,
    Share,
)


class LossConfig(Node):
    """The loss of all heads."""

    kind: Literal["cross_entropy", "focal"]
    """Loss of each head: `cross_entropy`, or `focal` (arXiv 1708.02002)."""
    gamma: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    """How far focal loss turns from rows that are already right; 0: cross-entropy."""
    head_weights: Annotated[dict[str, PositiveFloat], NullIsEmpty]
    """Weight of each head in the sum of losses; a head that is not named has 1."""
    label_smoothing: Share
    """Share of each target that is spread over all classes, 0 to below 1."""
    class_weights: Literal["none", "balanced"] | dict[str, Literal["none", "balanced"]]
    """`balanced`: weights inverse to class frequency; for all heads, or for each head by its name."""
    head_weighting: Literal["fixed", "uncertainty"]
    """How the heads' losses are summed: `fixed` weights, or weights learned from `uncertainty` (arXiv 1705.07115)."""


class OptimizerConfig(Node):
    """AdamW."""

    lr: Rate
    """Peak learning rate of AdamW."""
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    """Decoupled weight decay; biases and norms have none."""
    betas: tuple[Share, Share]
    """Decay of AdamW's two running means, each 0 to below 1."""
    eps: Rate
    """Term that keeps AdamW's division finite."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0), Number]
    """Factor of the learning rate from one encoder layer to the next one below; 1: the same rate for all."""
    head_lr: Rate | None
    """Learning rate of the heads; null: `lr`."""
    fused: bool | Literal["auto"]
    """AdamW as one kernel per step; `auto`: where the device has it."""


class SchedulerConfig(Node):
    """Learning-rate schedule with warm-up."""

    kind: Literal["linear", "cosine", "constant", "step"]
    """Course of the learning rate after the warm-up."""
    warmup_ratio: Share
    """Share of all optimizer steps in which the rate rises from 0."""
    warmup_steps: NonNegativeInt | None
    """Number of optimizer steps of the warm-up, in place of `warmup_ratio`; null: the ratio counts."""
    step_epochs: PositiveInt
    """Epochs between two drops of kind `step`."""
    gamma: Annotated[float, Field(gt=0.0, le=1.0), Number]
    """Factor of each drop of kind `step`."""


class TrainerConfig(Node):
    """Length, precision and device of training."""

    max_epochs: Annotated[int, Field(gt=0, le=1_000_000), Number, Role.CHANGEABLE]
    """Bounded, because the step at which each of them ends is held for the schedules."""
    min_epochs: Annotated[NonNegativeInt, Role.CHANGEABLE]
    """Epochs that early stopping waits for."""
    precision: Literal[32, 16, "32", "16", "bf16", "32-true", "16-mixed", "bf16-mixed", "auto"]
    """Number format of the forward pass; `auto`: the fastest one here, as measured. On a CPU 16 runs as bf16."""
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], Role.UNNAMED | Role.CHANGEABLE | Role.NOT_COMPARED]
    """Device: `cpu`, `gpu`, or `auto` for a GPU where there is one."""
    accumulate_grad_batches: PositiveInt = 1
    """Micro-batches per optimizer step, in every epoch; `callbacks.accumulate.schedule` is by epoch."""
    gradient_clip_val: PositiveFloat | None
    """Largest norm of the gradient; null: no clipping."""
    threads: Annotated[
        Annotated[int, Field(gt=0, le=1_024), Number] | None, Role.UNNAMED | Role.CHANGEABLE | Role.NOT_COMPARED
    ]
    """CPU threads of torch; null: all cores."""
    gradient_checkpointing: bool
    """Store the inputs of layers only and compute the rest again in the backward pass: less memory, a third more
    time."""
    compile: bool
    """Compile the encoder's layers with torch.compile at the start of the run."""


class Cache(Node):
    """The folder of what runs share."""

    dir: Annotated[str, Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.LOCAL]
    """Folder of what runs share: tokens, Arrow copies of files, hidden states of frozen layers."""
    max_gib: Annotated[PositiveFloat, Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY]
    """Largest size of the folder in GiB; the least recently used entries are removed beyond it."""
    hidden_states: bool
    """Store what the frozen layers compute for each text and compute only the layers above them."""
    dtype: Literal["auto", "bf16", "fp32"]
    """Number format of stored hidden states; `auto`: bf16 where `trainer.precision` is 16 or bf16, else fp32."""
