"""The typed schema of conf/: one frozen class per config group.

conf/*.yaml holds every default; the classes here hold none, so a value has one home. `lab.config.check.check` fills
them.
"""

from typing import Annotated

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
from lab.config.schema.node import Mode, Node, Seed
from lab.config.schema.peft import Adapters, Peft, Whole
from lab.config.schema.series_data import Ahead, CaseSplit, Rainfall, Series, Table, TimeSplit, Ucr, Windowed
from lab.config.schema.series_models import InceptionTime, MiniRocket, PatchTst, SeriesNet, TimerXL
from lab.config.schema.sweep import Confirm, Limits, Sweep
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
from lab.config.schema.text_models import Encoder, Model, Ngram
from lab.config.schema.training import Cache, LossConfig, OptimizerConfig, SchedulerConfig, TrainerConfig

__all__ = [
    "AccumulateConfig",
    "Adapters",
    "Ahead",
    "BatchFinderConfig",
    "Cache",
    "CallbacksConfig",
    "CaseSplit",
    "CheckpointConfig",
    "Columned",
    "Config",
    "Confirm",
    "CurvesConfig",
    "Data",
    "EarlyStoppingConfig",
    "Empty",
    "Encoder",
    "Files",
    "FreezeConfig",
    "Hub",
    "Imdb",
    "InceptionTime",
    "Labelled",
    "Leaks",
    "Limits",
    "Loggers",
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
    "OptimizerConfig",
    "OverfitConfig",
    "PatchTst",
    "Peft",
    "ProgressConfig",
    "QaDemo",
    "Questions",
    "Rainfall",
    "Rows",
    "SchedulerConfig",
    "Series",
    "SeriesNet",
    "Split",
    "Splits",
    "Squad",
    "Sweep",
    "Switch",
    "Table",
    "TimeSplit",
    "TimerXL",
    "TrainerConfig",
    "Ucr",
    "Wandb",
    "Whole",
    "Windowed",
]


class Objective(Node):
    metric: str
    """A validation metric, `val/f1_macro` or `val/<head>/f1_macro`."""
    mode: Mode


class Config(Node):
    """A whole request, checked."""

    model: Annotated[Encoder | Ngram | TimerXL | InceptionTime | PatchTst | MiniRocket, Field(discriminator="kind")]
    data: Annotated[
        Maintenance | Files | Hub | Imdb | Squad | QaDemo | Rainfall | Table | Ucr, Field(discriminator="kind")
    ]
    peft: Annotated[Whole | Adapters, Field(discriminator="kind")]
    loss: LossConfig
    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    callbacks: CallbacksConfig
    trainer: TrainerConfig
    cache: Cache
    logger: Loggers = Loggers()
    experiment_name: str
    run_name: str | None
    tags: tuple[str, ...]
    seed: Seed
    objective: Objective
    resume: str | None
    test: str | None
    sweep: Sweep | None = None
    """Read by the `lab` sweeper; a run of its own does not look at it, and its config.yaml leaves it out."""

    _from_environment: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def from_environment(self) -> dict[str, str]:
        """Dotted keys whose values came from the environment, with the text as written: files keep that text."""
        return self._from_environment
