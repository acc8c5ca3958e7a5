"""Hydra's composition of a line, and which of its overrides Hydra cannot take: Hydra names the first and stops."""

from collections.abc import Sequence

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lab.errors import Mistake, leave_out

REFUSED = (HydraException, OmegaConfBaseException)
"""What Hydra and OmegaConf raise for overrides that cannot be."""


def composed(name: str, overrides: Sequence[str]) -> tuple[DictConfig | None, list[Mistake]]:
    """The config, and a mistake for each override that Hydra refuses: the config is then one without these.

    name: of the primary config. Costs some 50 ms; where an override is refused, as much for each of them. None where
    the config cannot be composed even without overrides.
    """
    try:
        return compose(name, list(overrides)), []
    except REFUSED as error:
        return _without_refused(name, overrides, error)


def _without_refused(
    name: str, overrides: Sequence[str], error: Exception
) -> tuple[DictConfig | None, list[Mistake]]:
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
    shown = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("full_key", "object_type"))]
    return "; ".join(dict.fromkeys(shown))
