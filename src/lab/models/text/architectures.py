"""What `model.architecture` may say: the keys of its family's config, and nothing that pretrained weights overrule.

transformers keeps a key it does not know and never uses it, so a slip of the pen would pass for a setting.
"""

from collections.abc import Mapping, Set
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

from lab.core.errors import Mistake, RequestError, nearest


def known(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture, if its keys are all of its family's config. Raises RequestError naming each that is not."""
    kind = str(architecture.get("model_type", ""))
    if kind in CONFIG_MAPPING:
        family = CONFIG_MAPPING[kind]()
        keys = {"model_type", "attn_implementation", *family.to_dict(), *family.attribute_map}
        unknown = [key for key in architecture if key not in keys]
        if unknown:
            raise RequestError([_misspelt(key, kind, keys) for key in unknown])
    return dict(architecture)


def _misspelt(key: str, kind: str, keys: Set[str]) -> Mistake:
    close = nearest(key, sorted(keys))
    near = f"; the nearest is {close}" if close else ""
    remedy = f"model.architecture.{close}=VALUE" if close else f"leave out model.architecture.{key}"
    return Mistake(f"model.architecture.{key}", f"no such key of a {kind} config{near}", remedy)


def unlike(config: PretrainedConfig, architecture: Mapping[str, Any]) -> list[str]:
    """Where a config is not what an architecture says, key by key."""
    found = {key: getattr(config, key, None) for key in architecture}
    return [f"{key} {found[key]} instead of {asked}" for key, asked in architecture.items() if found[key] != asked]


def with_attention_dropout(config: PretrainedConfig, share: float | None) -> PretrainedConfig:
    """The config with another dropout of attention weights, under its family's name for it; None changes nothing."""
    if share is not None:
        for name in ("attention_probs_dropout_prob", "attention_dropout"):
            if hasattr(config, name):
                setattr(config, name, share)
    return config
