"""A module and a data module of other people, each named by `_target_`: `model=custom data=custom`.

Keys besides those below are arguments of the class.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from lab.config.schema.node import Node
from lab.config.schema.text_models import Model


class CustomModel(Model):
    """A LightningModule."""

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    kind: Literal["custom"]
    """A LightningModule of your own."""
    target: str = Field(alias="_target_")
    """Import path of the LightningModule; its module is named in `plugins`."""

    @property
    def node(self) -> dict[str, Any]:
        """The class and its arguments as Hydra instantiates them."""
        return {"_target_": self.target, **(self.model_extra or {})}


class CustomData(Node):
    """A LightningDataModule."""

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    kind: Literal["custom"]
    """A LightningDataModule of your own."""
    name: str
    """Name of the data in the record and the report."""
    metric: str
    """Validation metric that runs on such data are compared by; `objective.metric` takes it from here."""
    target: str = Field(alias="_target_")
    """Import path of the LightningDataModule; its module is named in `plugins`."""

    @property
    def node(self) -> dict[str, Any]:
        """The class and its arguments as Hydra instantiates them."""
        return {"_target_": self.target, **(self.model_extra or {})}
