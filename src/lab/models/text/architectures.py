"""Checks `model.architecture`: each key must be a key of its family's config.

transformers stores an unknown key and never uses it, so without this check a typing mistake would pass as a setting.
"""

from collections.abc import Mapping, Set
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

from lab.core.errors import Mistake, RequestError, nearest


def known(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture as a dict. Raises RequestError with every key that its family's config does not have."""
    kind = str(architecture.get("model_type", ""))
    if kind in CONFIG_MAPPING:
        family = CONFIG_MAPPING[kind]()
        keys = {"model_type", "attn_implementation", *family.to_dict(), *family.attribute_map}
        unknown = [key for key in architecture if key not in keys]
        if unknown:
            raise RequestError([_unknown_key(key, kind, keys) for key in unknown])
    return dict(architecture)


def _unknown_key(key: str, kind: str, keys: Set[str]) -> Mistake:
    close = nearest(key, sorted(keys))
    near = f"; the nearest is {close}" if close else ""
    remedy = f"model.architecture.{close}=VALUE" if close else f"leave out model.architecture.{key}"
    return Mistake(f"model.architecture.{key}", f"no such key of a {kind} config{near}", remedy)


def unlike(config: PretrainedConfig, architecture: Mapping[str, Any]) -> list[str]:
    """The keys in which a config differs from an architecture, with both values."""
    actual = {key: getattr(config, key, None) for key in architecture}
    return [f"{key} {actual[key]} instead of {value}" for key, value in architecture.items() if actual[key] != value]


def with_attention_dropout(config: PretrainedConfig, share: float | None) -> PretrainedConfig:
    """Set the dropout of attention weights, under the name that the family uses. None changes nothing."""
    if share is not None:
        for name in ("attention_probs_dropout_prob", "attention_dropout"):
            if hasattr(config, name):
                setattr(config, name, share)
    return config
