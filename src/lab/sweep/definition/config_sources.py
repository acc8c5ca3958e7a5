"""What the YAML files behind a command line say, each read by itself: a composed config no longer tells who said what.

Hydra's public loader lists the files that a command line picks (`compute_defaults_list`) and gives its sources.
"""

from collections.abc import Iterator, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf


def setting(key: str, config_name: str, overrides: Sequence[str], loader: ConfigLoader) -> list[str]:
    """Config files that set top-level `key`, the primary one left out: what it holds are defaults."""
    picked = loader.compute_defaults_list(config_name, list(overrides), RunMode.MULTIRUN).defaults
    found = []
    for default in picked:
        path, package = default.config_path, default.package or ""
        if path is None or default.primary or path == config_name or path.startswith("hydra/"):
            continue
        node = _read(path, loader)
        if package == key or (package == "" and node is not None and key in node):
            found.append(path)
    return found


def trial_overrides(overrides: Sequence[str], loader: ConfigLoader) -> list[str]:
    """Overrides of a trial, which needs no `sweep=FILE`: what the file chooses besides its search is written out.

    That is Hydra's sweeper too: Hydra refuses a job in which it differs from the multirun's. A file that also sets
    values of its own stays, for a trial needs them; so do overrides without one.
    """
    chosen = next((one.partition("=")[2] for one in overrides if one.partition("=")[0] == "sweep"), None)
    node = None if chosen is None else _read(f"sweep/{chosen}", loader)
    if node is None or set(node) - {"defaults", "sweep", "hydra"}:
        return list(overrides)
    kept = [one for one in overrides if one.partition("=")[0].partition(".")[0].lstrip("+~") != "sweep"]
    typed = {one.partition("=")[0] for one in kept}
    return [*(f"{group}={choice}" for group, choice in _choices(node) if group not in typed), *kept]


def _choices(node: DictConfig) -> Iterator[tuple[str, str]]:
    """Config groups that a file's defaults list overrides."""
    for entry in OmegaConf.to_container(node.get("defaults", OmegaConf.create([]))) or []:
        for words, choice in entry.items() if isinstance(entry, dict) else ():
            yield str(words).removeprefix("override ").strip().lstrip("/"), str(choice)


def _read(path: str, loader: ConfigLoader) -> DictConfig | None:
    """The first file of that name on Hydra's search path, as Hydra itself looks for it."""
    for source in loader.get_sources():
        if source.available() and source.is_config(path):
            config = source.load_config(path).config
            return config if isinstance(config, DictConfig) else None
    return None
