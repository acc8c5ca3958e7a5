"""The `sweep` node: blocks as Azure ML has them; `lab.sweep` and `lab.early_termination` read their insides."""

from typing import Annotated, Any

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, NullIsEmpty, Number, PositiveInt

Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False), Number]
Block = dict[str, Any] | str | None


class Limits(Node):
    max_total_trials: PositiveInt | None
    max_concurrent_trials: PositiveInt | None
    timeout: Seconds | None
    trial_timeout: Seconds | None
    max_failed_trials: NonNegativeInt | None


class Confirm(Node):
    top_k: PositiveInt
    seeds: Annotated[int, Field(ge=2, le=1_000), Number]


class AzureJob(Node):
    file: str | None
    """An Azure ML sweep job (YAML) that fills the blocks of the sweep node."""
    parameters: Annotated[dict[str, str], NullIsEmpty]
    """The job's parameter names and the config keys that they stand for."""
    metric: str | None
    """The logged metric that stands for the job's primary metric."""


class Sweep(Node):
    study: str | None
    sampling_algorithm: Block
    search_space: Annotated[dict[str, Any], NullIsEmpty]
    objective: dict[str, Any] | None
    early_termination: Block
    limits: Limits
    confirm: Confirm | None
    storage: str | None
    azure: AzureJob
