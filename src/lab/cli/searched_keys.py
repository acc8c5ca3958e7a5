"""Keys that a search gives a value: one of them that has no default counts as given.

Only the first value of a law is needed here: it stands in for the key while the rest of a config is judged.
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
"""Where a law of numbers begins."""


def filled(config: DictConfig, overrides: Iterable[Override] = ()) -> list[str]:
    """Give each searched key of `config` that has no default the first value of its law; as overrides.

    overrides: what was typed besides, of which laws count.
    """
    block = OmegaConf.select(config, "sweep.search_space")
    laws = OmegaConf.to_container(block, resolve=False) if isinstance(block, DictConfig) else {}
    assert isinstance(laws, dict)
    values = first_values({str(key): law for key, law in laws.items()})
    values |= {one.key_or_group: _first(one) for one in overrides if one.is_sweep_override()}
    blank = [key for key in values if OmegaConf.is_missing(*_place(config, key))]
    for key in blank:
        OmegaConf.update(config, key, values[key], force_add=False)
    return [f"{key}={for_hydra(values[key])}" for key in blank]


def first_values(block: Mapping[str, Any]) -> dict[str, Any]:
    """The first value of each key that a search space sets, branches of a choice included."""
    found: dict[str, Any] = {}
    for key, law in block.items():
        if isinstance(law, str):
            found[key] = _first_of_text(law)
        elif isinstance(law, Mapping):
            values = law.get("values")
            first = values[0] if isinstance(values, list) and values else next((law[e] for e in ENDS if e in law), None)
            branches = [one for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []
            for branch in branches:
                found = first_values({key: branch} if "type" in branch else branch) | found
            if not isinstance(first, Mapping):
                found[key] = first
        else:
            found[key] = law
    return found


def _first_of_text(law: str) -> Any:
    try:
        return _first(OverridesParser.create().parse_override(f"key={law}"))
    except HydraException:
        return law  # reported where distributions are judged


def _first(override: Override) -> Any:
    given = override.value()
    values = [given.start] if isinstance(given, IntervalSweep) else values_of(override)
    return values[0] if values else None


def _place(config: DictConfig, key: str) -> tuple[Any, str]:
    """The node that holds a key, and its name there; a node without it where there is none."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent, throw_on_missing=False) if parent else config
    return (node, name) if isinstance(node, DictConfig) and name in set(node) else (OmegaConf.create({"_": 0}), "_")
