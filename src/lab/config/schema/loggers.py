"""Where a run is followed while it trains."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, NullIsEmpty
from lab.config.schema.target import Target


class Wandb(Node):
    """Weights & Biases."""

    project: str
    """W&B project."""
    entity: str | None
    """W&B user or team; null: the default of the account."""
    group: str | None
    """W&B group of the run; null: none."""
    mode: Literal["auto", "online", "offline", "disabled"]
    """`auto`: online with an API key, else offline."""
    log_checkpoint: bool
    """Upload the best checkpoint as an artifact."""
    prediction_rows: NonNegativeInt
    """Rows of test predictions in the table that is logged; 0: no table."""


class Mlflow(Node):
    """MLflow."""

    experiment: str
    """MLflow experiment."""
    tracking_uri: str
    """Address of the tracking store: `sqlite:///FILE`, or the URL of a server."""
    log_checkpoint: bool
    """Log the best checkpoint as an artifact."""


class Empty(Node):
    """A logger without settings."""


class Loggers(Node):
    """Loggers that are on, in the order of their start; None where the group was not chosen."""

    csv: Empty | None = None
    """The run's metrics as a CSV file."""
    tensorboard: Empty | None = None
    """TensorBoard event files."""
    wandb: Wandb | None = None
    """Weights & Biases."""
    mlflow: Mlflow | None = None
    """MLflow."""
    extra: Annotated[dict[str, Target], NullIsEmpty] = Field(default_factory=dict)
    """Further loggers of Lightning or of a plug-in, by a name of your own: `{_target_: CLASS, ARGUMENT: VALUE}`."""
