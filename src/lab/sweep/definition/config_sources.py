"""The YAML files behind a command line, each read by itself: a composed config does not show which file set a key.

Hydra's public loader lists the files that a command line selects (`compute_defaults_list`) and its sources.
"""

from collections.abc import Iterator, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf


def files_setting(key: str, config_name: str, overrides: Sequence[str], loader: ConfigLoader) -> list[str]:
    """Return the config files that set the top-level `key`, without the primary config, which holds the defaults."""
    selected = loader.compute_defaults_list(config_name, list(overrides), RunMode.MULTIRUN).defaults
    result = []
    for default in selected:
        path, package = default.config_path, default.package or ""
        if path is None or default.primary or path == config_name or path.startswith("hydra/"):
            continue
        node = _read(path, loader)
        if package == key or (package == "" and node is not None and key in node):
            result.append(path)
    return result


def trial_overrides(overrides: Sequence[str], loader: ConfigLoader) -> list[str]:
    """Return the overrides of a trial without `sweep=FILE`; groups that the file selects are written as overrides.

    Among them is Hydra's sweeper: Hydra refuses a job whose sweeper differs from the multirun's. A file that also sets
    other values is kept, because a trial needs them.
    """
    chosen = next((override.partition("=")[2] for override in overrides if override.partition("=")[0] == "sweep"), None)
    node = None if chosen is None else _read(f"sweep/{chosen}", loader)
    if node is None or set(node) - {"defaults", "sweep", "hydra"}:
        return list(overrides)
    kept = [override for override in overrides if override.partition("=")[0].partition(".")[0].lstrip("+~") != "sweep"]
    typed = {override.partition("=")[0] for override in kept}
    return [*(f"{group}={choice}" for group, choice in _choices(node) if group not in typed), *kept]


def _choices(node: DictConfig) -> Iterator[tuple[str, str]]:
    """The config groups and choices that a file's defaults list overrides."""
    for entry in OmegaConf.to_container(node.get("defaults", OmegaConf.create([]))) or []:
        for words, choice in entry.items() if isinstance(entry, dict) else ():
            yield str(words).removeprefix("override ").strip().lstrip("/"), str(choice)


def _read(path: str, loader: ConfigLoader) -> DictConfig | None:
    """Read the first file of that name on Hydra's search path, in the order that Hydra uses."""
    for source in loader.get_sources():
        if source.available() and source.is_config(path):
            config = source.load_config(path).config
            return config if isinstance(config, DictConfig) else None
    return None
