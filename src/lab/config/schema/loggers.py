"""Where a run is followed while it trains."""

from typing import Literal

from lab.config.schema.node import Node, NonNegativeInt


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
