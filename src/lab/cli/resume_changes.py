"""The overrides that change a resumed run: the line that started it may be typed again together with `resume=RUN`.

The line is composed as the first time, and the values that an override sets are compared with the run's saved config.
Costs one composition, and one more for each choice of a group.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from lab.cli.command_line import Typed, split
from lab.cli.compose import composed
from lab.cli.ranks import settled
from lab.config.dotted_keys import flattened, is_below
from lab.config.interpolations import resolved
from lab.config.key_roles import default_of, field_of
from lab.config.typed_values import typed as typed_values

PLACE = "hydra.run.dir"


def changing(rest: Sequence[str], saved: Mapping[str, Any], run: Path, typed: Typed, conf: Path) -> list[str]:
    """Return the overrides of `rest` that differ from the run's config, or that cannot be read, in their order.

    rest: without resume and test; saved: the run's config; run: its folder; typed: the whole line; conf: the config
    folder if the line names none.
    """
    folder = Path(typed.config_path) if typed.config_path else conf
    name = (typed.config_name or "config").removesuffix(".yaml")
    if not rest or not (folder / f"{name}.yaml").is_file():
        return list(rest)
    search_path = [f"hydra.searchpath=[file://{Path(typed.config_dir).absolute()}]"] if typed.config_dir else []
    with initialize_config_dir(str(folder.absolute()), job_name="train"):
        return [
            override
            for override in rest
            if not _is_place(override, run) and not _is_saved(override, rest, flattened(saved), name, search_path)
        ]


def _is_place(override: str, run: Path) -> bool:
    key, value = split(override)
    return key == PLACE and Path(value).expanduser().absolute() == run


def _is_saved(text: str, rest: Sequence[str], saved: Mapping[str, Any], name: str, search_path: list[str]) -> bool:
    loader = GlobalHydra.instance().config_loader()
    try:
        override = OverridesParser.create(loader).parse_override(text)
        is_group = bool(loader.get_group_options(override.key_or_group, config_name=name, overrides=search_path))
    except HydraException:
        return False
    key = override.key_or_group
    if key == "hydra" or key.startswith(("hydra.", "hydra/")):
        return False
    config, refused = _composed(name, [*search_path, *rest])
    if any(mistake.key == key for mistake in refused):
        return False
    keys = {leaf for leaf in (*config, *saved) if is_below(leaf, [key])}
    if is_group:
        without, _ = _composed(name, [*search_path, *(other for other in rest if other != text)])
        keys |= {leaf for leaf in config if leaf not in without or not _alike(config[leaf], without[leaf])}
        keys -= {leaf for leaf in keys if _is_added_since(leaf, saved)}  # the run's own value counts
        keys -= {leaf for leaf in keys if is_below(leaf, _single_keys(rest, override))}
    same = all(_alike(config.get(leaf), saved[leaf] if leaf in saved else default_of(leaf)) for leaf in keys)
    return same and (bool(keys) or override.is_delete())


def _is_added_since(leaf: str, saved: Mapping[str, Any]) -> bool:
    """Return whether a key of the schema is newer than the run, whose config has its neighbours without it."""
    neighbours = leaf.rpartition(".")[0]
    return leaf not in saved and field_of(leaf) is not None and any(is_below(key, [neighbours]) for key in saved)


def _composed(name: str, overrides: Sequence[str]) -> tuple[dict[str, Any], list[Any]]:
    config, refused = composed(name, overrides)
    values = {} if config is None else flattened(typed_values(resolved(config)[0]))
    trainer = [f"trainer.{key}" for key in ("devices", "accelerator", "strategy", "num_nodes")]
    if all(key in values for key in trainer):  # a run has the number of its devices in place of auto
        values["trainer.devices"], values["trainer.strategy"] = settled(*(values[key] for key in trainer))
    return values, refused


def _single_keys(rest: Iterable[str], group: Override) -> list[str]:
    """Return the other keys that the line sets, each of which is compared separately."""
    keys = [split(override)[0] for override in rest]
    return [key for key in keys if key != group.key_or_group and "." in key]


def _alike(value: Any, other: Any) -> bool:
    """Return whether two values are equal, read from YAML or typed: a precision of 16 may be a number or a text."""
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(_alike, value, other))
    nothing: tuple[Any, ...] = (None, {})
    return bool(value == other) or (value in nothing and other in nothing) or str(value) == str(other)
