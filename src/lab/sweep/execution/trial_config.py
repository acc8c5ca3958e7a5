"""A trial's config from one that was composed before the trial was forked; the result is that of Hydra's composition.

Hydra composes a config in .10 to .20 s (25 files, each copied several times), which is more than a trial's whole
overhead (.05 to .08 s, benchmarks/sweep/overhead.py); setting the trial's values on a composed config takes .002 s.
Overrides that may change which files are composed, or that are wrong, are left to Hydra.
"""

from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


def compose_trial(
    loader: ConfigLoader, master: DictConfig, base: DictConfig | None, fixed: Sequence[str], overrides: Sequence[str]
) -> DictConfig:
    """Return the config of a job of the multirun `master`. base: composed with the overrides `fixed`; it is changed.

    Raises Hydra's errors for wrong overrides.
    """
    if base is not None and tuple(overrides[: len(fixed)]) == tuple(fixed):
        parsed = OverridesParser.create().parse_overrides(list(overrides[len(fixed) :]))
        if all(_changes_one_value(override, loader) for override in parsed) and _set(base, parsed):
            return base
    return loader.load_sweep_config(master, list(overrides))


def _changes_one_value(override: Override, loader: ConfigLoader) -> bool:
    """Whether it changes one key of the task's config, and not the choice of a group."""
    key = override.key_or_group
    if override.type is not OverrideType.CHANGE or override.package is not None or override.is_sweep_override():
        return False
    return not override.is_hydra_override() and not loader.get_group_options(key.replace(".", "/"))


def _set(config: DictConfig, overrides: Sequence[Override]) -> bool:
    """Set the values as Hydra does; False where Hydra would raise an error."""
    try:
        for override in overrides:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
            config.hydra.overrides.task.append(override.input_line)
    except OmegaConfBaseException:
        return False
    return True
