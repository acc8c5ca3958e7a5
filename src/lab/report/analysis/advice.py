"""Overrides to try, only where the setting acts on the model of the run."""

import math
from collections.abc import Mapping
from typing import Any

SOLVED = ("linear", "logistic_lags")
"""By `model.kind`: models that are solved and not trained by steps, whatever their other settings."""
MODELS = {"linear": "model=linear", "logistic_lags": "model=logistic_lags"}
"""By the name of a baseline, the override that trains it as a model."""


def is_solved(config: Mapping[str, Any]) -> bool:
    """Return whether the model is solved and not trained by steps: it has no learning rate, weight decay or dropout,
    and it fits its training rows as well as it can by construction. config: by dotted key."""
    return config.get("model.kind") in SOLVED or config.get("model.head") == "ridge"


def scaled(config: Mapping[str, Any], key: str, factor: float, least: float = 0.0) -> str:
    """Return the override that multiplies a key of training by `factor`; empty if it is unknown or does not act."""
    value = number(config, key)
    return "" if math.isnan(value) or is_solved(config) else f"{key}={max(value * factor, least):.3g}"


def warm_up(config: Mapping[str, Any], ratio: float = 0.1) -> str:
    """Return the override for a longer warm-up; empty if the schedule has none or it is as long already."""
    value = number(config, "scheduler.warmup_ratio")
    return f"scheduler.warmup_ratio={ratio:g}" if value < ratio and not is_solved(config) else ""


def longer(config: Mapping[str, Any], epochs: int) -> str:
    """Return the override for twice the training: of the steps where these end a run, else of the epochs."""
    steps = number(config, "trainer.max_steps")
    return f"trainer.max_epochs={2 * epochs}" if not steps > 0 else f"trainer.max_steps={2 * int(steps)}"


def longer_texts(config: Mapping[str, Any]) -> str:
    """Return the override for twice the maximum length."""
    longest = number(config, "data.max_length")
    return "data.max_length=512" if math.isnan(longest) else f"data.max_length={2 * int(longest)}"


def refuse_leaks(config: Mapping[str, Any], share: float) -> str:
    """Return the override that refuses shares of repeated rows above `share`; empty if the data have no leak check."""
    action, limit = config.get("data.leaks.action"), f"data.leaks.duplicate_share={share:g}"
    return "" if action is None else limit if action == "refuse" else f"{limit} data.leaks.action=refuse"


def number(config: Mapping[str, Any], key: str) -> float:
    """Return the number of a config key, NaN if it has none."""
    value = config.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
