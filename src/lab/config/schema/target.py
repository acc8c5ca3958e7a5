"""A node that names a class by Hydra's `_target_`, with the arguments that its constructor receives."""

from typing import Any

from pydantic import ConfigDict, Field

from lab.config.schema.node import Node

HYDRA_KEYS = ("_target_", "_partial_", "_convert_", "_recursive_", "_args_")
"""Keys of such a node that are not arguments by name."""


class Target(Node):
    """A class and its arguments. `lab.config.targets` says which classes a slot takes and checks the arguments."""

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    target: str = Field(alias="_target_")
    """Import path of the class, as `lightning.pytorch.callbacks.LearningRateMonitor`."""

    @property
    def node(self) -> dict[str, Any]:
        """The node as Hydra instantiates it: `_target_` and the arguments."""
        return {"_target_": self.target, **(self.model_extra or {})}
