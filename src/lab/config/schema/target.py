"""A node that names a class by Hydra's `_target_`, with the arguments that its constructor receives."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from lab.config.schema.node import Node
from lab.config.schema.text_models import Model

HYDRA_KEYS = ("_target_", "_partial_", "_convert_", "_recursive_", "_args_")
"""Keys of such a node that are not arguments by name."""


class Target(Node):
    """A class and its arguments. `lab.config.targets` says which classes a slot takes and checks the arguments.

    It is the last base of a class that has further settings: pydantic takes the config of the last one.
    """

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    target: str = Field(alias="_target_")
    """Import path of the class, as `lightning.pytorch.callbacks.LearningRateMonitor`; other keys are its arguments."""

    @property
    def node(self) -> dict[str, Any]:
        """The node as Hydra instantiates it: `_target_` and the arguments."""
        return {"_target_": self.target, **(self.model_extra or {})}


class CustomModel(Model, Target):
    """A LightningModule of your own; `plugins` names its module."""

    kind: Literal["custom"]
    """A LightningModule of your own."""


class CustomData(Target):
    """A LightningDataModule of your own; `plugins` names its module."""

    kind: Literal["custom"]
    """A LightningDataModule of your own."""
    name: str
    """Name of the data in the record and the report."""
    metric: str
    """Validation metric that runs on such data are compared by; `objective.metric` takes it from here."""
