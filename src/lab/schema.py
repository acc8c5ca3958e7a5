"""The typed schema of conf/: one frozen class per config group.

conf/*.yaml holds every default; the classes here hold none, so a value has one home. `lab.config.check` fills them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _number(value: object) -> object:
    """pydantic reads `true` as 1; a person who writes it means something else."""
    if isinstance(value, bool):
        raise PydanticCustomError("not_a_switch", "must be a number, not true or false")
    return value


Number = BeforeValidator(_number)
PositiveInt = Annotated[int, Field(gt=0), Number]
NonNegativeInt = Annotated[int, Field(ge=0), Number]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False), Number]
Share = Annotated[float, Field(ge=0.0, lt=1.0), Number]
Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False), Number]
Mode = Literal["min", "max"]
NullIsEmpty = BeforeValidator(lambda value: {} if value is None else value)
"""For mappings that are empty by default: Hydra lets `key={a: 1}` replace a null, but refuses an empty mapping."""


class Node(BaseModel):
    """A node of the config: frozen, refuses keys that it does not know; a column named 2024 is text all the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Objective(Node):
    metric: str
    """A validation metric, `val/f1_macro` or `val/<head>/f1_macro`."""
    mode: Mode


class Model(Node):
    kind: Literal["encoder", "ngram"]
    name: str
    """Short name, used in the run's name."""
    lr: Rate
    """Learning rate this model trains well at; `optimizer.lr` takes it from here."""


class Encoder(Model):
    kind: Literal["encoder"]
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
    vocabulary_size: PositiveInt
    """Size of a vocabulary that is learned."""
    lowercase: bool
    """Whether a learned vocabulary folds case (accents are kept)."""
    pooling: Literal["cls", "mean", "max"]
    dropout: Share
    """In front of the heads."""


class Ngram(Model):
    kind: Literal["ngram"]
    buckets: PositiveInt
    """Rows of the embedding table; n-grams are hashed into it."""
    dimension: PositiveInt
    word_ngrams: tuple[PositiveInt, PositiveInt]
    """Shortest and longest word n-gram."""
    char_ngrams: tuple[PositiveInt, PositiveInt] | None
    """Shortest and longest character n-gram inside word boundaries; null: none."""
    dropout: Share


class Rows(Node):
    train: PositiveInt | None
    val: PositiveInt | None
    test: PositiveInt | None


class Split(Node):
    val: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    test: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    seed: NonNegativeInt
    stratify: bool
    group: str | None


class Leaks(Node):
    action: Literal["refuse", "warn", "off"]
    duplicate_share: Share | None
    token_share: Annotated[float, Field(gt=0.0, le=1.0), Number]
    token_support: PositiveInt


class Data(Node):
    batch_size: PositiveInt
    eval_batch_size: PositiveInt
    max_length: PositiveInt | Literal["auto"]
    num_workers: NonNegativeInt
    pin_memory: bool | Literal["auto"]
    persistent_workers: bool
    rows: Rows
    split: Split
    leaks: Leaks


class Maintenance(Data):
    kind: Literal["maintenance"]
    num_rows: Annotated[int, Field(ge=100), Number]
    difficulty: Annotated[float, Field(ge=0.0, le=1.0), Number]
    generator_seed: NonNegativeInt


Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class Columned(Data):
    """Data with columns of its own."""

    text: Columns
    labels: Columns
    text_separator: str
    missing: tuple[str, ...]
    """Cell values that mean "not known"."""


class Files(Columned):
    kind: Literal["files"]
    path: str | tuple[str, ...] | None
    train: str | tuple[str, ...] | None
    val: str | tuple[str, ...] | None
    test: str | tuple[str, ...] | None
    delimiter: str | None
    encoding: str


class Splits(Node):
    train: str
    val: str | None
    test: str | None


class Hub(Columned):
    kind: Literal["hub"]
    path: str
    config: str | None
    revision: str | None
    splits: Splits


class Imdb(Columned):
    kind: Literal["imdb"]
    path: str
    """Hub name, aclImdb folder, or a file."""
    revision: str | None
    splits: Splits


class Loss(Node):
    head_weights: Annotated[dict[str, PositiveFloat], NullIsEmpty]
    label_smoothing: Share
    class_weights: Literal["none", "balanced"] | dict[str, Literal["none", "balanced"]]
    weighting: Literal["fixed", "uncertainty"]


class Optimizer(Node):
    lr: Rate
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
    betas: tuple[Share, Share]
    eps: Rate
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0), Number]
    head_lr: Rate | None
    fused: bool | Literal["auto"]


class Scheduler(Node):
    kind: Literal["linear", "cosine", "constant", "step"]
    warmup_ratio: Share
    warmup_steps: NonNegativeInt | None
    step_epochs: PositiveInt
    gamma: Annotated[float, Field(gt=0.0, le=1.0), Number]


class EarlyStopping(Node):
    patience: PositiveInt | None
    metric: str | None
    mode: Mode | None
    min_delta: Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]


class Freeze(Node):
    embeddings: bool
    layers: NonNegativeInt


class Unfreeze(Node):
    schedule: Annotated[dict[NonNegativeInt, NonNegativeInt], NullIsEmpty]


class Accumulate(Node):
    batches: PositiveInt
    schedule: Annotated[dict[NonNegativeInt, PositiveInt], NullIsEmpty]


class Checkpoint(Node):
    every_n_steps: PositiveInt | None


class Switch(Node):
    enabled: bool


class Overfit(Node):
    gap: Annotated[float, Field(gt=0.0), Number] | None


class Curves(Node):
    png: bool
    gif: bool


class Progress(Node):
    refresh: NonNegativeInt


class LrFinder(Node):
    enabled: bool
    min_lr: Rate
    max_lr: Rate
    num_steps: Annotated[int, Field(ge=10), Number]


class BatchFinder(Node):
    enabled: bool
    max_batch_size: PositiveInt


class Callbacks(Node):
    early_stopping: EarlyStopping
    freeze: Freeze
    unfreeze: Unfreeze
    accumulate: Accumulate
    checkpoint: Checkpoint
    nan_guard: Switch
    overfit: Overfit
    resources: Switch
    curves: Curves
    progress: Progress
    lr_finder: LrFinder
    batch_finder: BatchFinder


class Trainer(Node):
    max_epochs: PositiveInt
    min_epochs: NonNegativeInt
    precision: Literal[32, 16, "32", "16", "bf16", "32-true", "16-mixed", "bf16-mixed"]
    accelerator: Literal["auto", "cpu", "gpu"]
    gradient_clip: PositiveFloat | None
    log_every_n_steps: PositiveInt
    threads: PositiveInt | None
    max_steps: PositiveInt | None


class Cache(Node):
    dir: str
    max_gib: PositiveFloat


class Wandb(Node):
    project: str
    entity: str | None
    group: str | None
    mode: Literal["auto", "online", "offline", "disabled"]
    log_checkpoint: bool
    prediction_rows: NonNegativeInt


class Mlflow(Node):
    experiment: str
    tracking_uri: str
    log_checkpoint: bool


class Empty(Node):
    pass


class Loggers(Node):
    """Loggers that are on; None where the group was not chosen."""

    wandb: Wandb | None = None
    csv: Empty | None = None
    mlflow: Mlflow | None = None
    tensorboard: Empty | None = None


class Config(Node):
    """A whole request, checked."""

    model: Annotated[Encoder | Ngram, Field(discriminator="kind")]
    data: Annotated[Maintenance | Files | Hub | Imdb, Field(discriminator="kind")]
    loss: Loss
    optimizer: Optimizer
    scheduler: Scheduler
    callbacks: Callbacks
    trainer: Trainer
    cache: Cache
    logger: Loggers = Loggers()
    name: str
    run_name: str | None
    tags: tuple[str, ...]
    seed: NonNegativeInt
    objective: Objective
    resume: str | None
    test: str | None
