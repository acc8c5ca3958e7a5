"""Detects sweep overrides that Hydra would read differently from what the person means.

Hydra merges a mapping into the sweep file's mapping and adds no keys to it, and it reads the dots in a parameter's name
as a path. Without `-m` it ignores a sweep.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hydra.core.override_parser.types import Glob, Override, QuotedString

from lab.config.dotted_keys import at, is_there
from lab.config.rules.training import sense
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted

MOST_VALUES = 20
"""Number of values of a sweep that are checked before it starts; each job is checked again when it starts."""
BLOCKS = ("sweep.early_termination", "sweep.sampling_algorithm")
SPACE = "sweep.search_space"


def unswept(override: Override, multirun: bool) -> Mistake | None:
    """Return the mistake of a sweep that a single run would ignore, or of jobs that cannot be compared; or None."""
    if override.key_or_group == "objective.metric" and multirun and override.is_discrete_sweep():
        metrics = [str(value) for value in values_of(override)]
        if len({sense(metric) for metric in metrics}) > 1:
            problem = "names metrics that are better when small beside others that are better when large"
            return Mistake(
                "objective.metric", problem, quoted("objective.metric", metrics[0]), override.get_value_string()
            )
    value = override.value()
    if override.key_or_group != "sweep" or value is None or multirun or override.is_delete():
        return None
    return Mistake("sweep", "is for many runs, which need -m; a single run ignores it", f"-m sweep={value}", value)


def unsearched(overrides: Iterable[Override], sweeper: Callable[[], str]) -> list[Mistake]:
    """Return the mistakes of intervals for Hydra's own sweeper, which only tries lists of values.

    sweeper: returns the class name of the sweeper.
    """
    intervals = [override for override in overrides if override.is_interval_sweep()]
    if not intervals or not sweeper().endswith("BasicSweeper"):
        return []
    problem = "is an interval, from which only a sweep can sample; without a sweep, only lists of values are tried"
    return [
        Mistake(
            override.key_or_group,
            problem,
            f"-m sweep=text {shlex.quote(str(override.input_line))} (or another of conf/sweep/)",
            override.get_value_string(),
        )
        for override in intervals
    ]


def misread(override: Override, plain: Mapping[str, Any], deleted: bool) -> Mistake | None:
    """Return the mistake of a block that cannot be merged into the sweep file's, or of a parameter named by a path.

    plain: the config without the override; deleted: whether the key has been deleted from it.
    """
    key = override.key_or_group
    text = "" if override.is_delete() else override.get_value_string()
    if key.startswith(f"{SPACE}."):
        name = key.removeprefix(f"{SPACE}.")
        problem = "a parameter's dots are no path; type its distribution as the value of its key"
        return Mistake(
            key, problem, f"'{name}=interval(0.1,0.5)', or '{name}=choice(0.1)' for a constant", text or None
        )
    if override.is_delete() or override.is_sweep_override() or deleted or not is_there(plain, key):
        return None
    old, new = at(plain, key), override.value()
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return None
    unknown = [name for name in map(str, new) if name not in old]
    if key == SPACE and unknown:
        problem = f"a mapping is merged into the file's, which has no {listed(unknown)}"
        return Mistake(key, problem, f"'{unknown[0]}=interval(0.1,0.5)', the distribution as the value of the key")
    if key in BLOCKS and (unknown or new.get("type", old.get("type")) != old.get("type")):
        problem = f"a mapping is merged into the file's, {dict(old)}; delete that first to replace it"
        return Mistake(key, problem, f"'~{key}' '+{key}={text}'")
    return None


def remember(plain: dict[str, Any], override: Override) -> None:
    """Put a typed mapping into the config that later overrides are checked against: they may set its keys."""
    parent, _, name = override.key_or_group.rpartition(".")
    value = None if override.is_delete() or override.is_sweep_override() else unquoted(override.value())
    if isinstance(value, dict) and (not parent or is_there(plain, parent)):
        node = at(plain, parent) if parent else plain
        if isinstance(node, dict):
            old = node.get(name)
            node[name] = {**old, **value} if isinstance(old, Mapping) else value


def strings_of(override: Override) -> list[str]:
    """Return the values to try, as text that Hydra reads back; for an interval its two ends."""
    if override.is_interval_sweep():
        interval = override.value()
        return [str(getattr(interval, "start")), str(getattr(interval, "end"))]  # noqa: B009
    if override.is_discrete_sweep():
        return list(override.sweep_string_iterator())[:MOST_VALUES]
    return [override.get_value_element_as_str()]


def values_of(override: Override) -> list[Any]:
    """Return the values to try, or the single value; texts without their quotes."""
    if override.is_discrete_sweep():
        return [unquoted(value) for value in list(override.sweep_iterator())[:MOST_VALUES]]
    return [override.value()]


def part_matched(override: Override) -> Mistake | None:
    """Return the mistake of a pattern that also matches a file which is no choice, but a part of others; or None."""
    pattern = override.value()
    if not isinstance(pattern, Glob):
        return None
    typed = (
        f"{override.key_or_group}=glob([{','.join(pattern.include)}],exclude=[{','.join([*pattern.exclude, '_*'])}])"
    )
    problem = "matches a file that begins with _, which is a part of other files and no choice"
    return Mistake(override.key_or_group, problem, shlex.quote(typed), override.get_value_string())


def unquoted(value: Any) -> Any:
    """Return a value of Hydra's parser as plain values."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    return {unquoted(name): unquoted(item) for name, item in value.items()} if isinstance(value, Mapping) else value
