"""How a model is trained: loss and trainer; and the cache."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

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
from lab.config.schema.target import Target


def _duration(value: Any) -> Any:
    """`{hours: 12}` as 00:12:00:00, so that config.yaml has one form of it."""
    if isinstance(value, Mapping):
        try:
            value = timedelta(**value)
        except TypeError:
            value = None
        if value is not None and value.total_seconds() >= 1:
            minutes, seconds = divmod(value.seconds, 60)
            return f"{value.days:02}:{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    elif value is None or (isinstance(value, str) and re.fullmatch(r"\d+:\d\d:\d\d:\d\d", value) and value.strip("0:")):
        return value
    raise PydanticCustomError("duration", "must be days:hours:minutes:seconds, as 00:12:00:00, and more than none")


Duration = BeforeValidator(_duration)
Unlimited = BeforeValidator(lambda value: None if type(value) is int and value == -1 else value)
"""Lightning's -1 for no limit."""
Batches = PositiveInt | Annotated[float, Field(gt=0.0, le=1.0), Number]
"""A number of batches, or a share of them."""
WATCHING = Role.UNNAMED | Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED
"""Of keys that show how a run goes and do not change what it learns."""


class HeadWeights(Node):
    """How the losses of rows and heads are weighted, for any loss."""

    head_weights: Annotated[dict[str, PositiveFloat], NullIsEmpty]
    """Weight of each head in the sum of losses; a head that is not named has 1."""
    class_weights: Literal["auto", "none", "balanced"] | dict[str, Literal["none", "balanced"]]
    """`balanced`: weights inverse to class frequency; for all heads, or for each head by its name. `auto`: balanced for
    `model=linear`, none for all others."""
    logit_adjustment: Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False), Number] = 0.0
    """How much training favours rare classes (arXiv 2007.07314, tau): so often the logarithm of each class's share of
    the training rows is added to its logit inside the training loss. 1: logits for classes that are equally frequent;
    0: none."""
    head_weighting: Literal["fixed", "uncertainty"]
    """How the heads' losses are summed: `fixed` weights, or weights learned from `uncertainty` (arXiv 1705.07115)."""


class LossConfig(HeadWeights):
    """The loss of all heads."""

    kind: Literal["cross_entropy", "focal"]
    """Loss of each head: `cross_entropy`, or `focal` (arXiv 1708.02002)."""
    gamma: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    """How much focal loss reduces the weight of rows that are already right (gamma); 0: cross-entropy."""
    label_smoothing: Share
    """Share of each target that is spread over all classes, 0 to below 1."""


class CustomLoss(HeadWeights, Target):
    """A loss module of torch (`torch.nn.MultiMarginLoss`) or of a plug-in for each head: logits (B, K) and labels (B,)
    in, a loss per row (B,) out. It gets `reduction=none`, and `num_classes` where it takes it."""

    kind: Literal["custom"]
    """A loss that `_target_` names."""


AnyLoss = Annotated[LossConfig | CustomLoss, Field(discriminator="kind")]


class TrainerConfig(Node):
    """Length, precision and device of training: arguments of Lightning's Trainer under their own names.

    A number of batches is a whole number of batches, or a share of all batches as a fraction: 1 is one batch, 1.0 all.
    Fields with a default were added later: a run whose config.yaml lacks them has the default.
    """

    max_epochs: Annotated[Annotated[int, Field(gt=0, le=1_000_000), Number] | None, Unlimited, Role.CHANGEABLE]
    """Most epochs, over which the learning rate falls; null or -1: as many as `max_steps` takes."""
    min_epochs: Annotated[NonNegativeInt, Role.CHANGEABLE]
    """Epochs that early stopping and `max_time` wait for."""
    max_steps: Annotated[PositiveInt | None, Unlimited, Role.CHANGEABLE] = None
    """Most optimizer steps; the run is validated after the last one, also inside an epoch. null or -1: no limit."""
    min_steps: Annotated[NonNegativeInt | None, Role.CHANGEABLE] = None
    """Optimizer steps that early stopping and `max_time` wait for; null: none."""
    max_time: Annotated[str | None, Duration, Role.CHANGEABLE] = None
    """Most training time as days:hours:minutes:seconds (00:12:00:00) or {hours: 12}, over all resumes; null: no limit.
    The learning rate does not follow it."""
    limit_train_batches: Batches = 1.0
    """Training batches of an epoch, whole accumulation windows but for the last one."""
    limit_val_batches: Batches = 1.0
    """Batches of a validation: the same rows each time, drawn from all validation rows."""
    limit_test_batches: Batches = 1.0
    """Batches of the test: rows drawn from all test rows."""
    fast_dev_run: Annotated[bool | NonNegativeInt, Role.UNSEARCHED] = False
    """Train, validate and test so many batches (true: one) without loggers, checkpoints and scores: does it run?"""
    overfit_batches: Annotated[float, Field(ge=0.0, le=1.0), Number] | NonNegativeInt = 0.0
    """Train on the same first batches in every epoch, and validate on as many of the validation rows; 0: off."""
    val_check_interval: Batches = 1.0
    """Training batches between two validations: a share of an epoch, or a number of batches."""
    check_val_every_n_epoch: PositiveInt | None = 1
    """Epochs between two that are validated; null: `val_check_interval` counts batches across epochs."""
    num_sanity_val_steps: Annotated[int, Field(ge=-1, le=2**31 - 1), Number, WATCHING] = 0
    """Validation batches that are computed before training, whose scores do not count; -1: all."""
    log_every_n_steps: Annotated[NonNegativeInt, WATCHING] = 50
    """Optimizer steps between two values of `train/loss_step` and `lr` that loggers get; 0: none."""
    precision: Literal[
        32, 16, "32", "16", "bf16", 64, "64", "32-true", "16-true", "bf16-true", "64-true", "16-mixed", "bf16-mixed",
        "auto",
    ]  # fmt: skip
    """Number format: of the forward pass (32, 16 or bf16 mixed), or of weights too (16-true, bf16-true, 64); `auto`:
    the fastest of 32, 16 and bf16 here, as measured. On a CPU 16 runs as bf16."""
    matmul_precision: Literal["auto", "highest", "high", "medium"] = "auto"
    """Precision of float32 matrix products (torch.set_float32_matmul_precision); `auto`: high, which is TF32, on NVIDIA
    GPUs from Ampere on, else highest."""
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], Role.UNNAMED | Role.CHANGEABLE | Role.NOT_COMPARED]
    """Device: `cpu`, `gpu`, or `auto` for a GPU where there is one."""
    devices: int | str | tuple[int, ...] = 1
    """Devices of the run on each machine: a number, a list of GPUs, `auto` (all GPUs, or one process on a CPU) or -1
    (all GPUs); the run records the number. Each has a process with batches of `data.batch_size` rows."""
    num_nodes: Annotated[int, Number] = 1
    """Machines of the run; torchrun or SLURM starts the command on each."""
    strategy: Annotated[str, Role.UNNAMED | Role.CHANGEABLE | Role.NOT_COMPARED] = "auto"
    """How devices work together: `ddp`, `ddp_find_unused_parameters_true` for modules that do not use every parameter
    in each step, `single_device`; `auto`: as `trainer.devices` needs."""
    sync_batchnorm: bool = False
    """Statistics of batch norm over all devices; with one device they are that anyway."""
    accumulate_grad_batches: PositiveInt = 1
    """Micro-batches per optimizer step, in every epoch; `callbacks.accumulate.schedule` is by epoch."""
    gradient_clip_val: PositiveFloat | None
    """Largest norm of the gradient, or largest absolute value of its elements; null: no clipping."""
    gradient_clip_algorithm: Literal["norm", "value"] = "norm"
    """What `gradient_clip_val` bounds: the `norm` of all gradients together, or each `value`."""
    reload_dataloaders_every_n_epochs: NonNegativeInt = 0
    """Number of epochs after which data loaders are created again; 0: never."""
    inference_mode: Annotated[bool, WATCHING] = True
    """Test under torch.inference_mode; false: under torch.no_grad."""
    profiler: Annotated[Literal["simple", "advanced", "pytorch"] | None, WATCHING] = None
    """Lightning profiler, which writes to `profiler/` in the run folder; null: none."""
    detect_anomaly: Annotated[bool, WATCHING] = False
    """Name the operation whose gradient is NaN (torch.autograd.set_detect_anomaly); slow."""
    deterministic: bool | Literal["warn"] = False
    """Refuse operations that are not deterministic (torch.use_deterministic_algorithms), or `warn` of them."""
    benchmark: Annotated[bool | None, WATCHING] = None
    """Let cuDNN choose the fastest kernels by trying them (torch.backends.cudnn.benchmark); null: torch's setting."""
    enable_progress_bar: Annotated[bool, WATCHING] = True
    """Progress inside an epoch, as a bar or as lines; false: a line per validation only."""
    enable_model_summary: Annotated[bool, WATCHING] = False
    """Print a table of the model's parts and their parameters before training."""
    threads: Annotated[
        Annotated[int, Field(gt=0, le=1_024), Number] | None, Role.UNNAMED | Role.CHANGEABLE | Role.NOT_COMPARED
    ]
    """CPU threads of torch; null: all cores."""
    gradient_checkpointing: bool
    """Store the inputs of layers only and compute the rest again in the backward pass: less memory, a third more
    time."""
    compile: bool = False
    """Compile the encoder's layers with torch.compile at the start of the run."""


class Cache(Node):
    """The folder of what runs share."""

    dir: Annotated[str, Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.LOCAL]
    """Folder of what runs share: tokens, Arrow copies of files, hidden states of frozen layers, baselines' outputs."""
    max_gib: Annotated[PositiveFloat, Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY]
    """Largest size of the folder in GiB; the least recently used entries are removed beyond it."""
    hidden_states: bool
    """Store what the frozen layers compute for each text and compute only the layers above them."""
    dtype: Literal["auto", "bf16", "fp32"]
    """Number format of stored hidden states; `auto`: bf16 where `trainer.precision` is 16 or bf16, else fp32."""


class BaselinesConfig(Node):
    """Simple models that a run is compared with, on the same validation and test rows."""

    enabled: bool = True
    """Fit them after the test; false: only baselines that need no fit, such as the most frequent class."""
    max_rows: PositiveInt = 100_000
    """Largest number of training rows that they are fitted on; of more rows, so many are drawn."""
    max_wait_s: PositiveFloat | None = 1800.0
    """Seconds after the test for which the run waits for baselines that are being fitted beside the training, or by
    another run of the same data; those that are not ready then are left out, and the record says so. null: without a
    limit. If the second process was ended by something else, the run fits them itself, without a limit."""
    confidence: Annotated[float, Field(ge=0.5, lt=1.0), Number] = 0.95
    """Confidence of the interval of the difference between run and best baseline."""
    resamples: Annotated[int, Field(ge=100, le=1_000_000), Number] = 2000
    """Resamples of the test rows of that interval."""
    margin: Share = 0.0
    """A run is above a baseline if the whole interval of the difference is above this."""
    min_rows: PositiveInt = 10
    """Smallest number of labelled test rows, or of questions, that a comparison takes; below it there is none."""


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
