"""What a search space needs of the config: the default of each key, the recorded space of a resumed study, and whether
its keys act on the model.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lab.config.dotted_keys import at, is_there
from lab.core.errors import Mistake, listed
from lab.core.files import Unreadable
from lab.core.record.run_folder import StudyFolder
from lab.sweep.search_space import idle_keys
from lab.sweep.search_space.space import KEY


class Defaults:
    """The value of a key in the config without the search. Of a branch it is read from a composition, of 50 ms, each.

    plain: the config; fixed: overrides of every trial.
    """

    def __init__(self, plain: Mapping[str, Any], fixed: Sequence[str], config_name: str, loader: ConfigLoader) -> None:
        self.plain, self.fixed, self.config_name, self.loader = plain, fixed, config_name, loader
        self._composed: dict[tuple[str, ...], Any] = {}

    def __call__(self, key: str, chosen: Sequence[str]) -> Any:
        """Return the value; chosen: overrides of the branch. None where the key has none."""
        if not chosen:
            return at(self.plain, key) if is_there(self.plain, key) else None
        try:
            if tuple(chosen) not in self._composed:
                overrides = [*self.fixed, *chosen]
                composed = self.loader.load_configuration(self.config_name, overrides, RunMode.MULTIRUN)
                self._composed[tuple(chosen)] = composed
            return OmegaConf.select(self._composed[tuple(chosen)], key)
        except (HydraException, OmegaConfBaseException):  # the check of the search space names the wrong choice
            return None

    def groups(self, block: Mapping[str, Any]) -> set[str]:
        """Return the config groups among the keys of a search space, also those inside the values of its choices."""
        return {key for key in _keys(block) if "." not in key and self.loader.get_group_options(key)}


def _keys(block: Mapping[str, Any]) -> set[str]:
    names = {str(name) for name in block}
    for given in block.values():
        values = given.get("values") if isinstance(given, Mapping) else None
        for value in values if isinstance(values, list) else ():
            names |= _keys(value) if isinstance(value, Mapping) else set()
    return names


def recorded(folder: Path) -> dict[str, Any]:
    """Return the search space that a study began with, by key; empty for a new study."""
    try:
        saved = StudyFolder(folder).read_study() or {}
    except (Unreadable, OSError, ValueError):  # reported where the folder is opened
        return {}
    space = saved.get("search_space")
    return dict(space) if isinstance(space, Mapping) else {}


def acting(
    block: Mapping[str, Any], typed: Collection[str], plain: Mapping[str, Any], before: Collection[str]
) -> tuple[dict[str, Any], list[str], list[Mistake]]:
    """Return the block without the keys of a file that do not act on the model, a line about them, and the mistakes of
    typed ones.

    typed: typed keys; before: keys of the study that is resumed, which keep their place. Where the search sets the
    model, each trial has its own, and nothing is left out.
    """
    if any(key == "model" or key.startswith("model.head") for key in _keys(block)):
        return dict(block), [], []
    reasons = {key: idle_keys.reason(key, plain) for key in block if key not in before}
    idle = {key: reason for key, reason in reasons.items() if reason is not None}
    rest = {key: given for key, given in block.items() if key not in idle}
    mistakes = [
        Mistake(key, f"{reason}: its trials would be equal", f"leave out {key}, or {idle_keys.example(plain)}")
        for key, reason in idle.items()
        if key in typed
    ]
    if idle and not rest and not mistakes:
        first = next(iter(idle))
        problem = f"every trial would be equal: {listed(list(idle))} {idle[first]}"
        mistakes.append(Mistake(KEY, problem, idle_keys.example(plain)))
    left_out = [key for key in idle if key not in typed]
    notes = [f"left out of the search: {listed(left_out)}, which {idle[left_out[0]]}"] if left_out else []
    return rest, notes, mistakes
