"""A whole Azure ML sweep job (CLI v2 YAML), read into our `sweep` node: only names are mapped.

Parameters are mapped to Hydra keys and the primary metric to a logged one. Fields about Azure's own machines (`trial`,
`compute`, ...) have no meaning here and are named by `unused`; a field that Azure does not have is a mistake. Read as
plain YAML, since `${{...}}` is no interpolation of ours, with 1e-5 a number. Source: Azure's sweepJob schema.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.errors import Mistake, RequestError, listed, nearest
from lab.policies import parse
from lab.sweep.samplers import KINDS as SAMPLERS

READ = ("experiment_name", "sampling_algorithm", "search_space", "objective", "early_termination", "limits")
UNUSED = ("$schema", "type", "name", "display_name", "description", "tags", "properties", "trial", "inputs", "outputs",
          "compute", "identity", "resources", "queue_settings", "services")  # fmt: skip
LIMITS = ("max_total_trials", "max_concurrent_trials", "timeout", "trial_timeout")
GOALS = ("maximize", "minimize")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 1e-5 for a text, since it has no point; here it is a number."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def read_job(path: Path, keys: Mapping[str, str], metric: str | None) -> dict[str, Any]:
    """The `sweep` node of a job file: study, sampling_algorithm, search_space, objective, early_termination, limits.

    keys: the file's parameter names to Hydra keys; names left out are Hydra keys already. metric: the metric we log
    that stands for the file's primary metric, needed unless that is one of ours (`val/...`). What the file leaves out
    is left out of the node. Raises RequestError with every mistake.
    """
    job = _job(path)
    mistakes = [*_unknown(job), *_missing(job)]
    node: dict[str, Any] = {}
    if job.get("experiment_name") is not None:
        node["study"] = str(job["experiment_name"])
    if isinstance(job.get("search_space"), Mapping):
        space = job["search_space"]
        node["search_space"] = _renamed(space, keys)
        mistakes += _unmatched(keys, set(_names(space)))
    if job.get("sampling_algorithm") is not None:
        node["sampling_algorithm"] = job["sampling_algorithm"]
    if isinstance(job.get("objective"), Mapping):
        node["objective"] = _objective(job["objective"], metric, mistakes)
    if job.get("early_termination") is not None:
        node["early_termination"] = job["early_termination"]
        try:
            parse(job["early_termination"])
        except RequestError as error:
            mistakes += error.mistakes
    if isinstance(job.get("limits"), Mapping):
        node["limits"] = _limits(job["limits"], mistakes)
    if mistakes:
        raise RequestError(mistakes)
    return node


def unused(path: Path) -> tuple[str, ...]:
    """Fields of the file that mean something to Azure and nothing here, in the order of the file."""
    return tuple(str(name) for name in _job(path) if name in UNUSED)


def _job(path: Path) -> dict[str, Any]:
    key = "sweep.file"
    try:
        job = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise RequestError(Mistake(key, "there is no such file", "sweep.file=job.yaml", path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(Mistake(key, f"cannot be read: {error}", value=path)) from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise RequestError(Mistake(key, f"is no YAML: {problem}", value=path)) from error
    if not isinstance(job, Mapping):
        raise RequestError(Mistake(key, "holds no sweep job: a mapping is needed", value=path))
    kind = job.get("type", "sweep")
    if kind != "sweep":
        raise RequestError(Mistake(key, f"is a job of type {kind}; only type: sweep can be read", value=path))
    return {str(name): value for name, value in job.items()}


def _unknown(job: Mapping[str, Any]) -> Iterator[Mistake]:
    known = [*READ, *UNUSED]
    for name in job:
        if name not in known:
            near = nearest(name, known)
            yield Mistake(f"sweep.file: {name}", "no such field of a sweep job", near or f"leave out {name}")


def _missing(job: Mapping[str, Any]) -> Iterator[Mistake]:
    examples = {
        "search_space": "search_space: {reg_rate: {type: choice, values: [0.01, 0.1, 1]}}",
        "sampling_algorithm": f"sampling_algorithm: random ({listed(SAMPLERS)})",
        "objective": "objective: {goal: maximize, primary_metric: Accuracy}",
    }
    for name, example in examples.items():
        if job.get(name) is None:
            yield Mistake(f"sweep.file: {name}", "is missing", example)
    for name in ("search_space", "objective", "limits"):
        if job.get(name) is not None and not isinstance(job[name], Mapping):
            yield Mistake(f"sweep.file: {name}", "must be a mapping", examples.get(name, ""), job[name])


def _renamed(given: Any, keys: Mapping[str, str]) -> Any:
    """Parameter names to Hydra keys, also inside the values of a choice."""
    return {keys.get(str(name), str(name)): _inner(law, keys) for name, law in given.items()}


def _inner(law: Any, keys: Mapping[str, str]) -> Any:
    if not isinstance(law, Mapping) or not isinstance(law.get("values"), list):
        return law
    values = [_renamed(v, keys) if isinstance(v, Mapping) and "type" not in v else v for v in law["values"]]
    return {**law, "values": values}


def _names(space: Mapping[str, Any]) -> Iterator[str]:
    for name, law in space.items():
        yield str(name)
        if isinstance(law, Mapping) and isinstance(law.get("values"), list):
            for value in law["values"]:
                if isinstance(value, Mapping) and "type" not in value:
                    yield from _names(value)


def _unmatched(keys: Mapping[str, str], names: set[str]) -> Iterator[Mistake]:
    for name in keys:
        if name not in names:
            near = nearest(name, names) or next(iter(sorted(names)), "")
            problem = f"the file has no parameter {name}; it has {listed(sorted(names))}"
            yield Mistake(f"sweep.keys.{name}", problem, f"'sweep.keys={{{near}: {keys[name]}}}'")


def _objective(given: Mapping[str, Any], metric: str | None, mistakes: list[Mistake]) -> dict[str, str]:
    for name in given:
        if name not in ("goal", "primary_metric"):
            mistakes.append(Mistake(f"sweep.file: objective.{name}", "no such field", f"leave out {name}"))
    goal = str(given.get("goal", "")).lower()
    if goal not in GOALS:
        problem = f"must be one of {listed(GOALS)}"
        mistakes.append(Mistake("sweep.file: objective.goal", problem, "goal: maximize", given.get("goal")))
    primary = str(given.get("primary_metric", ""))
    if metric is None and "/" not in primary:
        problem = (
            f"the file's primary metric {primary!r} is not one that is logged here; sweep.metric names which it is"
        )
        mistakes.append(Mistake("sweep.metric", problem, f"sweep.metric=val/{primary.lower() or 'f1_macro'}"))
    if metric is not None and metric.startswith("test/"):
        problem = "a choice made on test rows spoils the test score; trials are compared on validation rows"
        mistakes.append(Mistake("sweep.metric", problem, f"sweep.metric=val/{metric.removeprefix('test/')}", metric))
    return {"primary_metric": metric or primary, "goal": goal}


def _limits(given: Mapping[str, Any], mistakes: list[Mistake]) -> dict[str, Any]:
    for name in given:
        if name not in LIMITS:
            near = nearest(str(name), LIMITS)
            problem = f"no such field; allowed here: {listed(LIMITS)}"
            mistakes.append(Mistake(f"sweep.file: limits.{name}", problem, near or f"leave out {name}"))
    return {str(name): value for name, value in given.items() if value is not None}
