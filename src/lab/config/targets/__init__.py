"""Classes that a config names by `_target_`: the places that take them, their mistakes, their signatures and their
making."""

from lab.config.targets.making import make, make_with
from lab.config.targets.mistakes import is_taken, mistakes
from lab.config.targets.signatures import argument_names, defining_class
from lab.config.targets.slots import METRIC, NAMED_SCHEDULES, named_schedule

__all__ = [
    "METRIC",
    "NAMED_SCHEDULES",
    "argument_names",
    "defining_class",
    "is_taken",
    "make",
    "make_with",
    "mistakes",
    "named_schedule",
]
