"""Values of an Azure ML job file as Azure's client reads them: numbers in quotes, names in CamelCase, durations.

The client reads `"4"` as a whole number and `MedianStopping` as `median_stopping`, and writes an interval of 0 where no
interval was given. Azure's service writes times as ISO 8601 durations, its files have seconds.
"""

import re
from collections.abc import Mapping
from typing import Any

NUMBERS = ("min_value", "max_value", "q", "mu", "sigma", "upper", "seed", "logbase", "slack_factor", "slack_amount",
           "evaluation_interval", "delay_evaluation", "truncation_percentage", "max_total_trials",
           "max_concurrent_trials", "timeout", "trial_timeout")  # fmt: skip
"""Fields that are numbers; values of a choice keep their type."""
NAMES = ("type", "goal", "rule")
"""Fields with names of Azure's, which it also reads in CamelCase."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_WHOLE = re.compile(r"[-+]?\d+")


def normalized(value: Any) -> Any:
    """Return a block of a job with its numbers and names as the client reads them."""
    if isinstance(value, list):
        return [normalized(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {str(name): _field(str(name), item) for name, item in value.items()}


def _field(name: str, value: Any) -> Any:
    if name == "evaluation_interval" and str(value) == "0":
        return 1
    if name in NUMBERS and isinstance(value, str):
        return _number(value)
    if name in NAMES and isinstance(value, str):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value).lower()
    return normalized(value)


def _number(text: str) -> int | float | str:
    """Return the number that a text stands for; else the text."""
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def seconds(value: Any) -> Any:
    """Return the seconds of a duration such as `PT2H30M`; anything else unchanged."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        return value
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + rest
