"""Contradictions between values of a config that are each valid alone. Pure, without data.

A rule names the keys it reads; it is left out where one of them is absent (another kind of data) or already known to be
wrong, so that one mistake is not reported twice.
"""

import math
from collections.abc import Mapping, Set
from typing import Any

from lab.config.rules import (
    cache,
    data,
    metrics,
    models,
    nets,
    peft,
    questions,
    series,
    sizes,
    tasks,
    trainer,
    training,
)
from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake

_ABSENT = object()
RULES: tuple[Rule, ...] = (
    *training.RULES, *trainer.RULES, *data.RULES, *models.RULES, *peft.RULES, *cache.RULES, *questions.RULES,
    *tasks.RULES, *series.RULES, *nets.RULES, *metrics.RULES, *sizes.RULES,
)  # fmt: skip


def contradictions(config: Mapping[str, Any], wrong: Set[str]) -> Found:
    """Yield the mistakes of `config` (nested, resolved) by all rules; `wrong`: dotted keys that are not checked
    again."""
    for keys, rule in RULES:
        values = [lookup(config, key) for key in keys]
        if any(value is _ABSENT for value in values) or any(_touches(key, wrong) for key in keys):
            continue
        yield from rule(*values)


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key, or a private marker for "no such key"."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _touches(key: str, wrong: Set[str]) -> bool:
    return any(key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.") for other in wrong)


def not_finite(config: Any, key: str = "") -> Found:
    """Yield a mistake for each NaN and infinity, which no rate, weight or limit may be."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield from not_finite(value, f"{key}.{name}" if key else str(name))
    elif isinstance(config, list):
        for value in config:
            yield from not_finite(value, key)
    elif isinstance(config, float) and not math.isfinite(config):
        text = key.endswith(("missing_markers", "text", "labels"))
        note = f"; text goes in quotes: '{key}=[\"{config}\"]'" if text else ""
        yield Mistake(key, f"must be a finite number{note}", f"'{key}=[\"{config}\"]'" if text else "", config)
