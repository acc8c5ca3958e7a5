"""Detects sweep overrides that Hydra would read differently from what the person means.

Hydra merges a mapping into the one of the sweep file and adds no keys, and it reads the dots of a parameter's name as a
path. Without `-m` it takes no notice of a sweep at all.
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
"""Values of one sweep that are judged before it starts; each job is checked again when it starts."""

BLOCKS = ("sweep.early_termination", "sweep.sampling_algorithm")
SPACE = "sweep.search_space"


def unswept(override: Override, multirun: bool) -> Mistake | None:
    """A sweep that one run would take no notice of, or jobs that nothing could compare."""
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
    return Mistake(
        "sweep", "is for many runs, which need -m; one run takes no notice of it", f"-m sweep={value}", value
    )


def unsearched(overrides: Iterable[Override], sweeper: Callable[[], str]) -> list[Mistake]:
    """Intervals where Hydra's own sweeper would run, which tries lists of values alone. sweeper: its class's name."""
    intervals = [override for override in overrides if override.is_interval_sweep()]
    if not intervals or not sweeper().endswith("BasicSweeper"):
        return []
    problem = "is drawn from by a search, and no sweep is asked for: without one, only lists of values are tried"
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
    """A block that cannot be merged into the file's, or a parameter that cannot be named by path.

    plain: the config without the override; deleted: whether the key was taken out of it.
    """
    key = override.key_or_group
    text = "" if override.is_delete() else override.get_value_string()
    if key.startswith(f"{SPACE}."):
        name = key.removeprefix(f"{SPACE}.")
        problem = "a parameter's own dots are no path; its law is typed as the value of its key"
        return Mistake(key, problem, f"'{name}=interval(0.1,0.5)', or '{name}=choice(0.1)' to hold it", text or None)
    if override.is_delete() or override.is_sweep_override() or deleted or not is_there(plain, key):
        return None
    old, new = at(plain, key), override.value()
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return None
    strange = [name for name in map(str, new) if name not in old]
    if key == SPACE and strange:
        problem = f"a mapping is merged into the file's, which has no {listed(strange)}"
        return Mistake(key, problem, f"'{strange[0]}=interval(0.1,0.5)', the law as the value of the key")
    if key in BLOCKS and (strange or new.get("type", old.get("type")) != old.get("type")):
        problem = f"a mapping is merged into the file's, {dict(old)}; to put it in its place, take that out first"
        return Mistake(key, problem, f"'~{key}' '+{key}={text}'")
    return None


def remember(plain: dict[str, Any], override: Override) -> None:
    """Put a mapping that was typed into the config that later overrides are judged by: they may set a key of it."""
    parent, _, name = override.key_or_group.rpartition(".")
    value = None if override.is_delete() or override.is_sweep_override() else unquoted(override.value())
    if isinstance(value, dict) and (not parent or is_there(plain, parent)):
        node = at(plain, parent) if parent else plain
        if isinstance(node, dict):
            old = node.get(name)
            node[name] = {**old, **value} if isinstance(old, Mapping) else value


def strings_of(override: Override) -> list[str]:
    """The values to try, as text that Hydra reads back; the two ends of an interval."""
    if override.is_interval_sweep():
        interval = override.value()
        return [str(getattr(interval, "start")), str(getattr(interval, "end"))]  # noqa: B009
    if override.is_discrete_sweep():
        return list(override.sweep_string_iterator())[:MOST_VALUES]
    return [override.get_value_element_as_str()]


def values_of(override: Override) -> list[Any]:
    """The values to try, or the one value; texts without the quotes that they were typed in."""
    if override.is_discrete_sweep():
        return [unquoted(value) for value in list(override.sweep_iterator())[:MOST_VALUES]]
    return [override.value()]


def part_matched(override: Override) -> Mistake | None:
    """A pattern that also matches a file which is no choice, but a part of others."""
    pattern = override.value()
    if not isinstance(pattern, Glob):
        return None
    typed = (
        f"{override.key_or_group}=glob([{','.join(pattern.include)}],exclude=[{','.join([*pattern.exclude, '_*'])}])"
    )
    problem = "matches a file that begins with _, which is a part of others and no choice"
    return Mistake(override.key_or_group, problem, shlex.quote(typed), override.get_value_string())


def unquoted(value: Any) -> Any:
    """A value of Hydra's parser as plain values."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [unquoted(one) for one in value]
    return {unquoted(name): unquoted(one) for name, one in value.items()} if isinstance(value, Mapping) else value
