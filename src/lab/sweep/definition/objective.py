"""The objective that trials are compared by: the sweep's `objective` block, or else the config's."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab.config.check import check
from lab.config.rules.training import sense
from lab.config.schema import Config
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.early_termination.policies.base import Goal

KEY = "sweep.objective"
MODES: dict[str, Goal] = {"max": "maximize", "min": "minimize"}


def objective(block: Mapping[str, Any] | None, config: Config, sources: Sequence[str]) -> tuple[str, Goal]:
    """Return metric and goal of the sweep's block, else of the config's objective.

    sources: overrides and files that set the config's objective; without any it is the default, which a block replaces.
    Raises RequestError with every mistake, also where both are given and differ.
    """
    own = (config.objective.metric, MODES[config.objective.mode])
    if block is None:
        return own
    metric, goal = str(block.get("primary_metric") or own[0]), str(block.get("goal") or own[1]).lower()
    mistakes = [*_unknown(block), *_mistaken(block, metric, goal)]
    if sources and (metric, goal) != own and not mistakes:
        given = f"{{metric: {own[0]}, mode: {config.objective.mode}}}"
        problem = f"differs from objective={given}, which comes from {listed(sources)}"
        mistakes.append(Mistake(KEY, problem, typed(*own), dict(block)))
    mistakes += [] if mistakes else _unfit(block, config, metric, goal)
    if mistakes:
        raise RequestError(mistakes)
    return metric, "maximize" if goal == "maximize" else "minimize"


def typed(metric: str, goal: str) -> str:
    """Return the whole block as an override, which replaces every other block, also that of a job file."""
    return quoted(KEY, {"primary_metric": metric, "goal": goal})


def _unknown(block: Mapping[str, Any]) -> list[Mistake]:
    unknown = [str(name) for name in block if name not in ("primary_metric", "goal")]
    near = {name: nearest(name, ("primary_metric", "goal")) for name in unknown}
    problems = {name: "no such key" + (f"; the nearest is {key}" if key else "") for name, key in near.items()}
    return [Mistake(f"{KEY}.{name}", problems[name], f"~{KEY}.{name}", block[name]) for name in unknown]


def _mistaken(block: Mapping[str, Any], metric: str, goal: str) -> list[Mistake]:
    mistakes = []
    right, ours = goal if goal in MODES.values() else MODES[sense(metric)], f"val/{metric.removeprefix('test/')}"
    if metric.startswith("test/"):
        problem = "a choice made on test rows spoils the test score; trials are compared on validation rows"
        mistakes.append(Mistake(f"{KEY}.primary_metric", problem, typed(ours, right), metric))
    if goal not in MODES.values():
        valid = ours if metric.startswith("test/") else metric
        mistakes.append(Mistake(f"{KEY}.goal", "must be maximize or minimize", typed(valid, right), block["goal"]))
    return mistakes


def _unfit(block: Mapping[str, Any], config: Config, metric: str, goal: str) -> list[Mistake]:
    """Return the mistakes of the metric and its goal, checked as the config's own objective."""
    mode = "max" if goal == "maximize" else "min"
    try:
        check({**config.model_dump(mode="json"), "objective": {"metric": metric, "mode": mode}})
    except RequestError as error:
        own = {mistake.key: mistake for mistake in error.mistakes}
        if (wrong := own.pop("objective.metric", None)) is not None:
            right = wrong.remedy.partition("=")[2].split()[0]
            remedy = typed(right, MODES[sense(right)])
            return [Mistake(f"{KEY}.primary_metric", wrong.problem, remedy, metric)]
        if (wrong := own.pop("objective.mode", None)) is not None:
            return [Mistake(f"{KEY}.goal", wrong.problem, typed(metric, MODES[sense(metric)]), block.get("goal", goal))]
        return list(own.values())
    return []
