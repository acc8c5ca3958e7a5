"""The typed config of a report. All defaults are in conf/report.yaml."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lab.config.schema.node import Mode, Node, Number, PositiveInt

Unit = Annotated[float, Field(ge=0.0, le=1.0), Number]
Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class RankingObjective(Node):
    """The metric of a ranking."""

    metric: str | None
    """Validation metric that runs are ranked by; null: each run's own objective."""
    mode: Mode | None
    """Whether less or more of it is better; null: as the runs have it."""


class Statistics(Node):
    """How intervals and groups are made."""

    confidence: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Confidence level of every interval, between 0 and 1."""
    repeats: Texts
    """Keys whose values are repeats of one configuration."""
    most_groups: PositiveInt
    """Largest number of values of a numeric key; one with more is grouped into quarters."""


class Thresholds(Node):
    """Thresholds of the diagnosis' rules; conf/report.yaml explains each."""

    chance_margin: Unit
    """Not learning: the score is within this of the majority baseline,"""
    chance_after: Unit
    """... after this share of the epochs."""
    overfit_train: Unit
    """Overfitting: the train score is at least this,"""
    overfit_gap: Unit
    """... and the test (or validation) score is lower by at least this."""
    rate_jump: Amount
    """Learning rate too high: the loss rises by this share above its first value, or is not a number."""
    rate_zero: Unit
    """Learning rate decayed to nothing: it is below this share of its peak,"""
    rate_share: Unit
    """... for at least this last share of the epochs, without an improvement in them."""
    improving: Unit
    """Still improving: the best epoch is the last, and its gain in the objective is at least this."""
    baseline_margin: Unit
    """Below a baseline: the score is lower than the baseline by more than this."""
    ceiling_margin: Unit
    """At the ceiling: the score is within this of the Bayes rule's."""
    truncated_share: Unit
    """Share of texts that are cut by max_length above which it is reported."""
    leak_share: Unit
    """Share of validation or test rows that also stand in train above which it is reported."""
    leak_score: Unit
    """Test score above which leakage is suspected."""
    unstable_sd: Amount
    """Unstable: the standard deviation over seeds is above this,"""
    unstable_runs: Annotated[int, Field(ge=2), Number]
    """... with at least this number of seeds."""


class Registry(Node):
    """A model registry."""

    name: str | None
    """Name of the registered model; null: the experiment's."""
    project: str
    """W&B project of the registered model."""


class Tracking(Node):
    """Tracking services."""

    mlflow_uri: str
    """Address of the MLflow store."""
    experiment: str | None
    """MLflow experiment, null: all; W&B entity/project to read online, null: offline folders."""


class ReportRequest(Node):
    """A checked request for a report."""

    runs: Texts
    """Folders of runs, grids and studies, or folders of such."""
    output: str
    """Folder of the report."""
    lang: Literal["en", "es"]
    """Language of the report."""
    source: Literal["lab", "wandb", "mlflow", "hf"]
    """What keeps the runs: lab's folders, W&B, MLflow or the Hugging Face Trainer."""
    objective: RankingObjective
    """Metric that runs are ranked by."""
    allow_mixed: bool
    """Rank runs of different objectives or data in one table."""
    top_k: PositiveInt
    """Rows of the leaderboard in report.md."""
    group_by: Texts
    """Config keys to group by; empty: each key that varied."""
    baseline: str | None
    """Label of the group that others are compared with; null: the best one."""
    statistics: Statistics
    """Intervals, repeats and groups."""
    diagnosis: Thresholds
    """When each rule of the diagnosis applies; scores are the objective's, 0 to 1."""
    what_if: tuple[dict[str, Any] | str, ...]
    """Early-termination policies to replay, as in conf/sweep."""
    drift: Texts
    """Drift files of predict.py drift=true to show."""
    docs: str | None
    """Address of the built documentation, which the sections of the page link to; null: the Markdown pages of the
    repository that the report lies in."""
    log: str | None
    """File that an entry of an experiment log is appended to; null: none."""
    aim: str | None
    """First line of the entry: what the experiment was to find out."""
    plugins: tuple[str, ...] = ()
    """Modules to import first, which add figures of their own. Importing a module runs its code."""
    register_in: Annotated[Literal["mlflow", "wandb"] | None, Field(alias="register")]
    """Named so because `register` is a method of every class."""
    registry: Registry
    """Where the winner is registered."""
    tracking: Tracking
    """Where MLflow and W&B are reached."""
