"""Composition of a command line, with every override that Hydra refuses: Hydra itself stops at the first."""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lab.cli.command_line import Typed
from lab.config.rules.sizes import unusable
from lab.core.errors import Mistake, leave_out

REFUSED = (HydraException, OmegaConfBaseException)
"""Errors of Hydra and OmegaConf for impossible overrides."""


def composed(name: str, overrides: Sequence[str]) -> tuple[DictConfig | None, list[Mistake]]:
    """Return the config without the overrides that Hydra refuses, and a mistake for each of these.

    name: of the primary config. Takes about 50 ms; if an override is refused, 50 ms for each override. The config is
    None if it cannot be composed even without overrides.
    """
    try:
        return compose(name, list(overrides)), []
    except REFUSED as error:
        return _without_refused(name, overrides, error)


def whole(typed: Typed, folder: Path, name: str) -> DictConfig:
    """Return the config of a command line without mistakes, with Hydra's own settings below `hydra`.

    folder and name: of the primary config where the line does not name them.
    """
    folder = Path(typed.config_path) if typed.config_path else folder
    name = (typed.config_name or name).removesuffix(".yaml")
    with initialize_config_dir(str(folder.absolute()), job_name="train"):
        overrides = [*search_path(typed), *typed.overrides]
        return compose(name, overrides, return_hydra_config=True)


def search_path(typed: Typed) -> list[str]:
    """Return the override that stands for `--config-dir`, if it is typed."""
    return [] if typed.config_dir is None else [f"hydra.searchpath=[file://{Path(typed.config_dir).absolute()}]"]


def wrong_flags(typed: Typed, folder: Path, name: str) -> list[Mistake]:
    """Return the mistakes in the flags that name config files; folder and name: of the primary config."""
    flags = {"--config-path": typed.config_path, "--config-name": name, "--config-dir": typed.config_dir}
    for flag, given in flags.items():
        if given is not None and (reason := unusable(given)) is not None:
            return [Mistake("", f"{flag} {reason}", f"leave out {flag}")]
    if not (folder / f"{name}.yaml").is_file():
        return [Mistake("", f"there is no {name}.yaml in {folder}", "leave out --config-path and --config-name")]
    if typed.config_dir is not None and not Path(typed.config_dir).is_dir():
        problem = f"--config-dir {typed.config_dir}: there is no such folder"
        return [Mistake("", problem, "leave out --config-dir, or give a folder laid out like conf/")]
    return []


def _without_refused(name: str, overrides: Sequence[str], error: Exception) -> tuple[DictConfig | None, list[Mistake]]:
    config: DictConfig | None = None
    kept: list[str] = []
    mistakes: list[Mistake] = []
    for override in (None, *overrides):
        try:
            config = compose(name, [*kept, *([] if override is None else [override])])
            kept += [] if override is None else [override]
        except REFUSED as refused:
            if override is None:
                return None, [Mistake("", _reason(error), "--info defaults shows what is chosen")]
            key, _, value = override.partition("=")
            mistakes.append(Mistake(key.lstrip("+~"), _reason(refused), leave_out(override), value or None))
    return config, mistakes


def _reason(error: Exception) -> str:
    lines = f"{error}\n{error.__cause__ or ''}".splitlines()
    shown = [
        line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("full_key", "object_type"))
    ]
    return "; ".join(dict.fromkeys(shown))
