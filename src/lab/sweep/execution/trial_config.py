"""A trial's config from one that was composed before the trial was forked: Hydra's own result, without composing again.

Composing takes Hydra .2 s a trial (25 files, each copied several times). What a study's trials have in common is
composed once, in their server; a trial that then changes plain values sets them as Hydra does. Whatever may change
which files are composed, or is wrong, is left to Hydra.
"""

from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


def composed(
    loader: ConfigLoader, master: DictConfig, base: DictConfig | None, fixed: Sequence[str], overrides: Sequence[str]
) -> DictConfig:
    """The config of a job of the multirun `master`. base: the one with the overrides `fixed`, which is changed.

    Raises what Hydra raises for overrides that cannot be.
    """
    if base is not None and tuple(overrides[: len(fixed)]) == tuple(fixed):
        parsed = OverridesParser.create().parse_overrides(list(overrides[len(fixed) :]))
        if all(_plain(one, loader) for one in parsed) and _set(base, parsed):
            return base
    return loader.load_sweep_config(master, list(overrides))


def _plain(override: Override, loader: ConfigLoader) -> bool:
    """Whether it changes one key of the task's config, and no choice of a group."""
    key = override.key_or_group
    if override.type is not OverrideType.CHANGE or override.package is not None or override.is_sweep_override():
        return False
    return not override.is_hydra_override() and not loader.get_group_options(key.replace(".", "/"))


def _set(config: DictConfig, overrides: Sequence[Override]) -> bool:
    """As Hydra sets them; False where it would complain."""
    try:
        for override in overrides:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
            config.hydra.overrides.task.append(override.input_line)
    except OmegaConfBaseException:
        return False
    return True
