"""The typed schema of conf/: one frozen class per config group.

conf/*.yaml holds every default; the classes here hold none, so a value has one home. `lab.config.check.check` fills
them.
"""

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from lab.config.schema.callbacks import (
    AccumulateConfig,
    BatchFinderConfig,
    CallbacksConfig,
    CheckpointConfig,
    CurvesConfig,
    EarlyStoppingConfig,
    FreezeConfig,
    LrFinderConfig,
    OverfitConfig,
    ProgressConfig,
    Switch,
)
from lab.config.schema.loggers import Empty, Loggers, Mlflow, Wandb
from lab.config.schema.node import Mode, Node, NullIsEmpty, Role, Seed
from lab.config.schema.optimizers import (
    Adafactor,
    AdamW,
    AnyOptimizer,
    AnyScheduler,
    CustomOptimizer,
    CustomScheduler,
    Lion,
    OneCycle,
    OptimizerConfig,
    Plateau,
    SchedulerConfig,
    ScheduleSettings,
    Sgd,
    TransformersSchedule,
)
from lab.config.schema.series_data import Ahead, CaseSplit, Rainfall, Series, Table, TimeSplit, Ucr, Windowed
from lab.config.schema.series_models import (
    InceptionTime,
    LinearSkip,
    LogisticLags,
    MiniRocket,
    PatchTst,
    SeriesNet,
    TimerXL,
)
from lab.config.schema.sweep import Confirm, Limits, Sweep
from lab.config.schema.target import CustomData, CustomModel, Target
from lab.config.schema.text_data import (
    Columned,
    Data,
    Files,
    Hub,
    Imdb,
    Labelled,
    Leaks,
    Maintenance,
    QaDemo,
    Questions,
    Rows,
    Split,
    Splits,
    Squad,
)
from lab.config.schema.text_models import Encoder, Linear, Model, Ngram, TextEncoderSettings
from lab.config.schema.training import (
    Adapters,
    AnyLoss,
    BaselinesConfig,
    Cache,
    CustomLoss,
    HeadWeights,
    LossConfig,
    Peft,
    TrainerConfig,
    Whole,
)

__all__ = [
    "AccumulateConfig",
    "Adafactor",
    "AdamW",
    "Adapters",
    "Ahead",
    "AnyLoss",
    "AnyOptimizer",
    "AnyScheduler",
    "BaselinesConfig",
    "BatchFinderConfig",
    "Cache",
    "CallbacksConfig",
    "CaseSplit",
    "CheckpointConfig",
    "Columned",
    "Config",
    "Confirm",
    "CurvesConfig",
    "CustomData",
    "CustomLoss",
    "CustomModel",
    "CustomOptimizer",
    "CustomScheduler",
    "Data",
    "EarlyStoppingConfig",
    "Empty",
    "Encoder",
    "EvaluationConfig",
    "Files",
    "FreezeConfig",
    "HeadWeights",
    "Hub",
    "Imdb",
    "InceptionTime",
    "Labelled",
    "Leaks",
    "Limits",
    "Linear",
    "LinearSkip",
    "Lion",
    "Loggers",
    "LogisticLags",
    "LossConfig",
    "LrFinderConfig",
    "Maintenance",
    "MiniRocket",
    "Mlflow",
    "Mode",
    "Model",
    "Ngram",
    "Node",
    "Objective",
    "OneCycle",
    "OptimizerConfig",
    "OverfitConfig",
    "PatchTst",
    "Peft",
    "Plateau",
    "ProgressConfig",
    "QaDemo",
    "Questions",
    "Rainfall",
    "Role",
    "Rows",
    "ScheduleSettings",
    "SchedulerConfig",
    "Series",
    "SeriesNet",
    "Sgd",
    "Split",
    "Splits",
    "Squad",
    "Sweep",
    "Switch",
    "Table",
    "Target",
    "TextEncoderSettings",
    "TimeSplit",
    "TimerXL",
    "TrainerConfig",
    "TransformersSchedule",
    "Ucr",
    "Wandb",
    "Whole",
    "Windowed",
]


class Objective(Node):
    """The metric that runs are compared by, on validation rows."""

    metric: str
    """A validation metric, `val/f1_macro` or `val/<head>/f1_macro`."""
    mode: Mode
    """Whether less or more of it is better; null in conf/: as its name, or its class in `metrics.extra`, says."""


class MetricsConfig(Node):
    """Metrics besides those that a task always has."""

    extra: Annotated[dict[str, Target], NullIsEmpty] = Field(default_factory=dict)
    """Metrics of torchmetrics or of a plug-in for each head, by a name of your own: `{_target_: CLASS}`; logged as
    `val/<name>` and `val/<head>/<name>`."""


class EvaluationConfig(Node):
    """How the predictions of a trained model are made and scored."""

    decision: Literal["auto", "argmax"] = "auto"
    """How a class follows from the probabilities of a head. `argmax`: the most probable one. `auto`: the one with the
    largest probability / (share of the training rows)^tau, if a tau above 0 gives a better objective on validation
    rows (macro-F1 and MCC only). Checkpoints, early stopping and sweeps compare the most probable classes."""


class Config(Node):
    """A whole request, checked."""

    model: Annotated[
        Encoder | Ngram | Linear | TimerXL | InceptionTime | PatchTst | MiniRocket | LogisticLags | CustomModel,
        Field(discriminator="kind"),
        Role.RECIPE_GROUP,
    ]
    """The model."""
    data: Annotated[
        Maintenance | Files | Hub | Imdb | Squad | QaDemo | Rainfall | Table | Ucr | CustomData,
        Field(discriminator="kind"),
        Role.RECIPE_GROUP,
    ]
    """The data."""
    peft: Annotated[Whole | Adapters, Field(discriminator="kind"), Role.RECIPE_GROUP]
    """How much of an encoder is trained."""
    loss: Annotated[AnyLoss, Role.RECIPE_GROUP]
    """The loss."""
    optimizer: Annotated[AnyOptimizer, Role.RECIPE_GROUP]
    """The optimizer."""
    scheduler: Annotated[AnyScheduler, Role.RECIPE_GROUP]
    """The learning-rate schedule."""
    callbacks: Annotated[CallbacksConfig, Role.RECIPE_GROUP]
    """What watches and steers training."""
    trainer: Annotated[TrainerConfig, Role.RECIPE_GROUP]
    """Length, precision and device of training."""
    metrics: MetricsConfig = MetricsConfig()
    """Metrics besides those that a task always has."""
    evaluation: Annotated[EvaluationConfig, Role.UNSEARCHED | Role.RECIPE] = EvaluationConfig()
    """How predictions are made of a trained model."""
    baselines: Annotated[
        BaselinesConfig,
        Role.UNNAMED | Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED | Role.UNSEARCHED,
    ] = BaselinesConfig()
    """Simple models that the run is compared with."""
    cache: Annotated[Cache, Role.UNNAMED | Role.NOT_COMPARED | Role.RECIPE_GROUP]
    """What runs share on disk."""
    logger: Annotated[Loggers, Role.UNNAMED | Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED] = (
        Loggers()
    )
    """Where a run is followed."""
    experiment_name: Annotated[str, Role.UNNAMED | Role.NOT_COMPARED | Role.RECIPE]
    """Name of the experiment: W&B project, MLflow experiment."""
    run_name: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED]
    """Name of the run; null: made of what differs from the defaults, as in `beto-lr3e-5-bs16`."""
    tags: Annotated[tuple[str, ...], Role.UNNAMED | Role.CHANGEABLE | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED]
    """Words that loggers file the run under."""
    seed: Annotated[Seed, Role.RECIPE]
    """Seed of weights, order of rows and dropout."""
    objective: Annotated[
        Objective, Role.UNNAMED | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED | Role.UNSEARCHED | Role.RECIPE
    ]
    """What checkpoints, early stopping and sweeps compare."""
    plugins: Annotated[tuple[str, ...], Role.UNNAMED | Role.UNSEARCHED | Role.RECIPE] = ()
    """Modules to import before anything else: names in the working folder, of installed packages, or of entry points
    in the group `lab.plugins`. Importing a module runs its code."""
    model_reason: Annotated[
        str | None, Role.UNNAMED | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED | Role.UNSEARCHED
    ] = None
    """Why `model=auto` chose the model, which sets it; null: the model was named."""
    resume: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED | Role.UNSEARCHED]
    """Folder of an interrupted run that is resumed; null: a new run."""
    test: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED | Role.UNSEARCHED]
    """Folder of a finished run whose best checkpoint is tested again; null: a new run."""
    sweep: Annotated[Sweep | None, Role.UNNAMED | Role.CHANGEABLE_IN_STUDY | Role.NOT_COMPARED | Role.UNSEARCHED] = None
    """Read by the `lab` sweeper; a run of its own does not look at it, and its config.yaml leaves it out."""

    _from_environment: dict[str, str] = PrivateAttr(default_factory=dict)
    _words: list[str] = PrivateAttr(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words of the command line that composed it in Python; empty if it was composed in another way."""
        return self._words

    @property
    def from_environment(self) -> dict[str, str]:
        """Dotted keys whose values came from the environment, with the text as written: files keep that text."""
        return self._from_environment
