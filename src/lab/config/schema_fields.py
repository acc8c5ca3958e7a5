"""The field of the schema that a dotted key names, and its default: for keys that an older run does not have."""

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lab.config.schema import Config
from lab.config.schema.node import nodes_of


def field_of(key: str) -> FieldInfo | None:
    """Return the field at a dotted key; None if no class of the schema has it. Where a group has several kinds, the
    first that has the key counts.

    >>> field_of("trainer.max_time") is not None, field_of("trainer.max_tme") is not None
    (True, False)
    """
    places: list[type[BaseModel]] = [Config]
    found: FieldInfo | None = None
    for part in key.split("."):
        found = next((place.model_fields[part] for place in places if part in place.model_fields), None)
        if found is None:
            return None
        places = [node for place in places if part in place.model_fields
                  for node in nodes_of(place.model_fields[part].annotation)]  # fmt: skip
    return found


def default_of(key: str) -> object:
    """Return the default that a run without the key has; None where the key has none."""
    field = field_of(key)
    default = None if field is None else field.get_default(call_default_factory=True, validated_data={})
    return None if default is PydanticUndefined else default
