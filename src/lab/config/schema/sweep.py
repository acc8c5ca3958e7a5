"""The `sweep` node: blocks as Azure ML has them; `lab.sweep` and `lab.early_termination` read their insides."""

from typing import Annotated, Any

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, NullIsEmpty, Number, PositiveInt

Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False), Number]
Block = dict[str, Any] | str | None


class Limits(Node):
    """Bounds of a sweep."""

    max_total_trials: PositiveInt | None
    """Trials over all resumes; null: the size of a grid."""
    max_concurrent_trials: PositiveInt | None
    """Trials that run at the same time; null: as many as `hydra.launcher.slots`."""
    timeout: Seconds | None
    """Seconds after which this command starts no more trials; null: none."""
    trial_timeout: Seconds | None
    """Seconds after which a trial is stopped; null: none."""
    max_failed_trials: NonNegativeInt | None
    """The sweep ends when more trials than this have failed; a resumed sweep counts from 0. null: no limit."""


class Confirm(Node):
    """The best configurations again, under new seeds."""

    top_k: PositiveInt
    """Number of best configurations that are trained again."""
    seeds: Annotated[int, Field(ge=2, le=1_000), Number]
    """Seeds of each of them."""


class AzureJob(Node):
    """An Azure ML sweep job and the names in it."""

    file: str | None
    """An Azure ML sweep job (YAML) that fills the blocks of the sweep node."""
    parameters: Annotated[dict[str, str], NullIsEmpty]
    """The job's parameter names and the config keys that they stand for."""
    metric: str | None
    """The logged metric that stands for the job's primary metric."""


class Sweep(Node):
    """A sweep of the `lab` sweeper."""

    study: str | None
    """Folder of the study below multirun/; null: the name of the file in conf/sweep/."""
    sampling_algorithm: Block
    """Sampler: grid, random, sobol, bayesian, tpe, gp, cmaes, or a block with its settings."""
    search_space: Annotated[dict[str, Any], NullIsEmpty]
    """Key to the distribution of its values."""
    objective: dict[str, Any] | None
    """{primary_metric, goal} in Azure ML's words; null: the objective of the config."""
    early_termination: Block
    """Policy: bandit, median_stopping, truncation_selection, asha, hyperband, or a block with its settings; null:
    none."""
    limits: Limits
    """Bounds on trials and time."""
    confirm: Confirm | None
    """Train the best configurations again under new seeds; null: no."""
    storage: str | None
    """Storage shared by several commands: a database's URL (sqlite, postgresql), or grpc://HOST:PORT of a proxy; null:
    journal.log in the study's folder."""
    azure: AzureJob
    """An Azure ML sweep job that fills this node."""
