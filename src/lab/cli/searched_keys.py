"""Values for the keys that a search sets, so that a searched key without a default does not count as missing.

The first value of a distribution is enough: it replaces the key's value while the rest of the config is checked.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from lab.cli.sweep_overrides import values_of
from lab.core.hydra_quoting import for_hydra

ENDS = ("low", "min_value", "mu")
"""Keys of a distribution for its first number."""


def filled(config: DictConfig, overrides: Iterable[Override] = ()) -> list[str]:
    """Give each searched key of `config` that has no default the first value of its distribution; return overrides.

    overrides: the typed ones; those that are sweeps are distributions too.
    """
    block = OmegaConf.select(config, "sweep.search_space")
    space = OmegaConf.to_container(block, resolve=False) if isinstance(block, DictConfig) else {}
    assert isinstance(space, dict)
    values = first_values({str(key): distribution for key, distribution in space.items()})
    values |= {sweep.key_or_group: _first(sweep) for sweep in overrides if sweep.is_sweep_override()}
    blank = [key for key in values if OmegaConf.is_missing(*_place(config, key))]
    for key in blank:
        OmegaConf.update(config, key, values[key], force_add=False)
    return [f"{key}={for_hydra(values[key])}" for key in blank]


def first_values(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first value of each key that a search space sets, including the branches of a choice."""
    result: dict[str, Any] = {}
    for key, node in block.items():
        if isinstance(node, str):
            result[key] = _first_of_text(node)
        elif isinstance(node, Mapping):
            values = node.get("values")
            first = (
                values[0] if isinstance(values, list) and values else next((node[e] for e in ENDS if e in node), None)
            )
            branches = [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
            for branch in branches:
                result = first_values({key: branch} if "type" in branch else branch) | result
            if not isinstance(first, Mapping):
                result[key] = first
        else:
            result[key] = node
    return result


def _first_of_text(distribution: str) -> Any:
    try:
        return _first(OverridesParser.create().parse_override(f"key={distribution}"))
    except HydraException:
        return distribution  # the check of the search space reports it


def _first(override: Override) -> Any:
    given = override.value()
    values = [given.start] if isinstance(given, IntervalSweep) else values_of(override)
    return values[0] if values else None


def _place(config: DictConfig, key: str) -> tuple[Any, str]:
    """Return the node that contains a key, and the key's name there; a node without the key if there is none."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent, throw_on_missing=False) if parent else config
    return (node, name) if isinstance(node, DictConfig) and name in set(node) else (OmegaConf.create({"_": 0}), "_")
