"""Values of an Azure ML job file as Azure's client reads them: numbers in quotes, names in capitals, durations.

Its client takes `"4"` for a whole number and `MedianStopping` for `median_stopping`, and writes an interval of 0 where
none was given. Azure's service itself counts time in ISO 8601 durations, its files in seconds.
"""

import re
from collections.abc import Mapping
from typing import Any

NUMBERS = ("min_value", "max_value", "q", "mu", "sigma", "upper", "seed", "logbase", "slack_factor", "slack_amount",
           "evaluation_interval", "delay_evaluation", "truncation_percentage", "max_total_trials",
           "max_concurrent_trials", "timeout", "trial_timeout")  # fmt: skip
"""Fields that are numbers; values of a choice are what they are."""
NAMES = ("type", "goal", "rule")
"""Fields that are names of Azure's, which it takes in CamelCase, too."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_WHOLE = re.compile(r"[-+]?\d+")


def normalized(value: Any) -> Any:
    """A block of a job with its numbers and names as the client takes them."""
    if isinstance(value, list):
        return [normalized(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {str(name): _field(str(name), one) for name, one in value.items()}


def _field(name: str, value: Any) -> Any:
    if name == "evaluation_interval" and str(value) == "0":
        return 1
    if name in NUMBERS and isinstance(value, str):
        return _number(value)
    if name in NAMES and isinstance(value, str):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value).lower()
    return normalized(value)


def _number(text: str) -> int | float | str:
    """The number that a text is; else the text."""
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def seconds(value: Any) -> Any:
    """The seconds of a duration such as `PT2H30M`; anything else as it is."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        return value
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + rest
