"""A composed config as plain values, with a mistake for each interpolation that cannot be resolved.

OmegaConf stops at the first, which would hide every other mistake of the request.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from lab.config.dotted_keys import flattened
from lab.config.unknown_keys import unknown
from lab.core.errors import Mistake

DEEPEST = 30
"""Levels of a config; a deeper value refers to itself."""
BLANK = "???"
_NO_KEY = re.compile(r"Interpolation key '([^']*)' not found")
_BLANK_KEY = "Missing mandatory value: "
"""In the reason of a key that refers to a blank one, which is a mistake of its own."""


def resolved(composed: DictConfig) -> tuple[dict[str, Any], dict[str, Mistake]]:
    """Return plain values, and a mistake for each key that cannot be resolved, which becomes null. `???` is kept."""
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=False)
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}, {}
    except (OmegaConfBaseException, RecursionError):
        failures: dict[str, tuple[str, str]] = {}
        plain = _walk(composed, "", failures)
        return plain, _mistakes(failures, plain)


def _walk(node: DictConfig | ListConfig, key: str, failures: dict[str, tuple[str, str]]) -> Any:
    """Return the plain values of a container; failures: dotted key to the text and the reason, filled here."""
    names = range(len(node)) if isinstance(node, ListConfig) else list(node)
    values = {str(name): _read(node, name, f"{key}.{name}" if key else str(name), failures) for name in names}
    return list(values.values()) if isinstance(node, ListConfig) else values


def _read(node: DictConfig | ListConfig, name: Any, key: str, failures: dict[str, tuple[str, str]]) -> Any:
    raw = str(node._get_node(name))
    try:
        value = node[name]
    except MissingMandatoryValue:
        return BLANK
    except (OmegaConfBaseException, RecursionError) as error:
        reason = "it refers to itself" if isinstance(error, RecursionError) else _first_line(error)
        failures[key] = (raw, reason)
        return None
    if isinstance(value, DictConfig | ListConfig):
        if key.count(".") > DEEPEST:
            failures[key] = (raw, "it refers to itself")
            return None
        return _walk(value, key, failures)
    return value


def _first_line(error: OmegaConfBaseException) -> str:
    return str(error.msg or error).splitlines()[0]


def _mistakes(failures: Mapping[str, tuple[str, str]], plain: Mapping[str, Any]) -> dict[str, Mistake]:
    known, result = list(flattened(plain)), {}
    for key, (raw, reason) in failures.items():
        missing = _NO_KEY.search(reason)
        near = unknown(missing[1], known)[1] if missing is not None else None
        top = ".".join(part for part in key.split(".") if not part.isdigit())
        remedy = shlex.quote(f"{key}={raw.replace(missing[1], near)}") if near and missing else f"leave out {top}"
        result[top] = Mistake(top, f"cannot be resolved: {reason}", remedy, raw)
    return result


def without_repeats(mistakes: Mapping[str, Mistake]) -> list[Mistake]:
    """Return the mistakes without keys that only refer to another wrong key.

    Of one missing key those that name it are kept. A key that refers to a blank one is right once the blank is filled.
    """
    mistakes = {key: mistake for key, mistake in mistakes.items() if _BLANK_KEY not in mistake.problem}
    dead_ends = [missing[1] for mistake in mistakes.values() if (missing := _NO_KEY.search(mistake.problem))]

    def is_named(mistake: Mistake) -> bool:
        missing = _NO_KEY.search(mistake.problem)
        return missing is None or any(end.lstrip(".") in str(mistake.value) for end in dead_ends)

    return [mistake for mistake in mistakes.values() if is_named(mistake)] or list(mistakes.values())
