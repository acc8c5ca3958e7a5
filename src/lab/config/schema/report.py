"""The typed config of a report. All defaults are in conf/report.yaml."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lab.config.schema.node import Mode, Node, Number, PositiveInt

Unit = Annotated[float, Field(ge=0.0, le=1.0), Number]
Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class RankingObjective(Node):
    metric: str | None
    mode: Mode | None


class Statistics(Node):
    confidence: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    repeats: Texts
    most_groups: PositiveInt


class Thresholds(Node):
    """Thresholds of the diagnosis' rules; conf/report.yaml explains each."""

    chance_margin: Unit
    chance_after: Unit
    overfit_train: Unit
    overfit_gap: Unit
    rate_jump: Amount
    rate_zero: Unit
    rate_share: Unit
    improving: Unit
    baseline_margin: Unit
    ceiling_margin: Unit
    truncated_share: Unit
    leak_share: Unit
    leak_score: Unit
    unstable_sd: Amount
    unstable_runs: Annotated[int, Field(ge=2), Number]


class Registry(Node):
    name: str | None
    project: str


class Tracking(Node):
    mlflow_uri: str
    experiment: str | None


class ReportRequest(Node):
    """A checked request for a report."""

    runs: Texts
    output: str
    lang: Literal["en", "es"]
    source: Literal["lab", "wandb", "mlflow", "hf"]
    objective: RankingObjective
    allow_mixed: bool
    top_k: PositiveInt
    group_by: Texts
    baseline: str | None
    statistics: Statistics
    diagnosis: Thresholds
    what_if: tuple[dict[str, Any] | str, ...]
    log: str | None
    aim: str | None
    register_in: Annotated[Literal["mlflow", "wandb"] | None, Field(alias="register")]
    """Named so because `register` is a method of every class."""
    registry: Registry
    tracking: Tracking
