"""Loads the plan of a composed multirun, or raises all mistakes of its config and of the sweep's blocks in one list.

A wrong value of the config must not hide a wrong search space, so later checks use the default in its place. It imports
Optuna, so it is called when a sweep starts, or when a command line with a sweep has mistakes.
"""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lab.cli.searched_keys import filled
from lab.config.check import judged
from lab.core.errors import Mistake, RequestError
from lab.sweep.definition import plan as plans
from lab.sweep.definition.plan import Plan


def load_plan(loader: ConfigLoader, config: DictConfig, arguments: Sequence[str]) -> Plan:
    """Return the plan. config: of the multirun, with its `hydra` node; arguments: task overrides as typed.

    Raises RequestError with every mistake.
    """
    typed = [override for override in config.hydra.overrides.hydra if str(override).startswith("hydra.sweep.dir=")]
    folder = Path(str(config.hydra.sweep.dir)) if typed else None
    choice, name = config.hydra.runtime.choices.get("sweep"), str(config.hydra.job.config_name)
    own = _without_hydra(config)
    filled(own, OverridesParser.create(loader).parse_overrides(list(arguments)))
    checked, mistakes = judged(own, _without_hydra(loader.load_configuration(name, [], RunMode.MULTIRUN)))
    plan: Plan | None = None
    try:
        plan = plans.read(checked, choice, folder, arguments, name, loader)
    except RequestError as error:
        known = {mistake.key for mistake in mistakes}
        mistakes += [mistake for mistake in error.mistakes if mistake.key not in known]
    if mistakes:
        raise RequestError(mistakes)
    assert plan is not None
    return plan


def _without_hydra(config: DictConfig) -> DictConfig:
    """Return the config without its `hydra` node, parts of which have a value in a job only."""
    return OmegaConf.create({key: value for key, value in config.items() if key != "hydra"})


def mistakes(loader: ConfigLoader, name: str, overrides: Sequence[str]) -> list[Mistake]:
    """Return the mistakes of a study on a command line whose other mistakes were removed from `overrides`."""
    try:
        config = loader.load_configuration(name, list(overrides), RunMode.MULTIRUN)
        if config.hydra.runtime.choices["hydra/sweeper"] != "lab":
            return []
        search_path = [override for override in overrides if override.startswith("hydra.searchpath=")]
        load_plan(loader, config, [*search_path, *config.hydra.overrides.task])
    except RequestError as error:
        return list(error.mistakes)
    except (HydraException, OmegaConfBaseException):  # reported by the caller that composed it
        return []
    return []
