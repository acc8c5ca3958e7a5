"""An Azure ML sweep job (CLI v2 YAML), read into our `sweep` node: only names are mapped.

Parameters are mapped to Hydra keys and the primary metric to a logged metric. Fields about Azure's machines (`trial`,
`compute`, ...) have no meaning here and are returned by `unused`; a field that Azure does not have is a mistake. The
file is plain YAML, because `${{...}}` is no interpolation of Hydra, and 1e-5 is read as a number. Typed values replace
those of the file, so every mistake names what to type. Source: Azure's sweepJob schema and its Python client.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.config.rules.training import sense
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.early_termination.parsing import parse
from lab.sweep.definition.azure_values import normalized, seconds
from lab.sweep.search_space.samplers import sampler_names

READ = ("experiment_name", "sampling_algorithm", "search_space", "objective", "early_termination", "limits")
UNUSED = ("$schema", "type", "name", "display_name", "description", "tags", "properties", "trial", "inputs", "outputs",
          "compute", "identity", "resources", "queue_settings", "services", "creation_context", "id", "status",
          "log_files", "resourceGroup")  # fmt: skip
"""Fields that only Azure uses. Its client adds the last five to a job that it writes."""
SEARCHED = "searched"
"""The name that stands for typed parameters in `replaced`; with them the file needs no search space."""
LIMITS = ("max_total_trials", "max_concurrent_trials", "timeout", "trial_timeout")
GOALS = ("maximize", "minimize")
FILE_REMEDY = "leave out sweep.azure.file"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-5 as a text, because it has no point; here it is a number."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def read_job(path: Path, keys: Mapping[str, str], metric: str | None, replaced: Collection[str] = ()) -> dict[str, Any]:
    """Return the `sweep` node of a job file: study, sampling_algorithm, search_space, objective, early_termination,
    limits.

    keys: the file's parameter names to Hydra keys; other names are Hydra keys already. metric: the logged metric that
    stands for the file's primary metric; needed unless that is a logged one (`val/...`). replaced: blocks that were
    typed and replace those of the file, which need not exist. Blocks that the file leaves out are left out of the node.
    Raises RequestError with every mistake.
    """
    fields = _read(path)
    job = {name: normalized(value) for name, value in fields.items() if name not in replaced}
    mistakes = [*_unknown(fields), *_missing(job, replaced)]
    node: dict[str, Any] = {}
    if job.get("experiment_name") is not None and "study" not in replaced:
        node["study"] = str(job["experiment_name"])
    if isinstance(job.get("search_space"), Mapping):
        space = job["search_space"]
        node["search_space"] = _renamed(space, keys)
        mistakes += _unmatched(keys, set(_names(space)))
    if job.get("sampling_algorithm") is not None:
        node["sampling_algorithm"] = job["sampling_algorithm"]
    if isinstance(job.get("objective"), Mapping):
        node["objective"] = _objective(job["objective"], metric, mistakes)
    if job.get("early_termination"):
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
    """Return the fields of the file that have a meaning for Azure only, in the order of the file."""
    return tuple(str(name) for name in _read(path) if name in UNUSED)


def has_interval_of_zero(path: Path) -> bool:
    """Whether the file's policy has an interval of 0, which Azure's client writes where no interval was given."""
    policy = _read(path).get("early_termination")
    return isinstance(policy, Mapping) and str(policy.get("evaluation_interval")) == "0"


def _read(path: Path) -> dict[str, Any]:
    key = "sweep.azure.file"
    try:
        job = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise RequestError(Mistake(key, "there is no such file", FILE_REMEDY, path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(Mistake(key, f"cannot be read: {error}", FILE_REMEDY, path)) from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise RequestError(Mistake(key, f"is no YAML: {problem}", FILE_REMEDY, path)) from error
    if not isinstance(job, Mapping):
        raise RequestError(Mistake(key, "is no sweep job: it must be a mapping", FILE_REMEDY, path))
    kind = job.get("type", "sweep")
    if str(kind).lower() != "sweep":
        raise RequestError(Mistake(key, f"is a job of type {kind}; only type: sweep can be read", FILE_REMEDY, path))
    return {str(name): value for name, value in job.items()}


def _unknown(job: Mapping[str, Any]) -> Iterator[Mistake]:
    known = [*READ, *UNUSED]
    for name in job:
        if name not in known:
            near = nearest(name, known)
            remedy = f"{near}: in the file" if near else f"leave out {name} in the file"
            yield Mistake(f"sweep.azure.file: {name}", "no such field of a sweep job", remedy)


def _missing(job: Mapping[str, Any], replaced: Collection[str]) -> Iterator[Mistake]:
    typed = {
        "search_space": "'optimizer.lr=tag(log,interval(1e-4,1e-2))', or search_space in the file",
        "sampling_algorithm": f"sweep.sampling_algorithm=random, or another of {listed(sampler_names())}",
        "objective": "'sweep.objective={primary_metric: val/accuracy, goal: maximize}'",
        "limits": "sweep.limits.max_total_trials=20",
    }
    for name, remedy in typed.items():
        given = name in replaced or (name == "search_space" and SEARCHED in replaced)
        if job.get(name) is None and name != "limits" and not given:
            yield Mistake(f"sweep.azure.file: {name}", "is missing", remedy)
        elif job.get(name) is not None and name != "sampling_algorithm" and not isinstance(job[name], Mapping):
            yield Mistake(f"sweep.azure.file: {name}", "must be a mapping", remedy, job[name])


def _renamed(given: Any, keys: Mapping[str, str]) -> Any:
    """Rename parameters to Hydra keys, also inside the values of a choice."""
    return {keys.get(str(name), str(name)): _inner(expression, keys) for name, expression in given.items()}


def _inner(expression: Any, keys: Mapping[str, str]) -> Any:
    if not isinstance(expression, Mapping) or not isinstance(expression.get("values"), list):
        return expression
    values = [_renamed(v, keys) if isinstance(v, Mapping) and "type" not in v else v for v in expression["values"]]
    return {**expression, "values": values}


def _names(space: Mapping[str, Any]) -> Iterator[str]:
    for name, expression in space.items():
        yield str(name)
        if isinstance(expression, Mapping) and isinstance(expression.get("values"), list):
            for value in expression["values"]:
                if isinstance(value, Mapping) and "type" not in value:
                    yield from _names(value)


def _unmatched(keys: Mapping[str, str], names: set[str]) -> Iterator[Mistake]:
    for name in keys:
        if name not in names:
            near = nearest(name, names - {*keys}) or next(iter(sorted(names - {*keys})), None)
            problem = f"the file has no parameter {name}; it has {listed(sorted(names))}"
            rest = {other: key for other, key in keys.items() if other in names}
            right = rest | ({near: keys[name]} if near is not None else {})
            yield Mistake(f"sweep.azure.parameters.{name}", problem, quoted("sweep.azure.parameters", right or None))


def _objective(given: Mapping[str, Any], metric: str | None, mistakes: list[Mistake]) -> dict[str, str]:
    for name in given:
        if name not in ("goal", "primary_metric"):
            remedy = f"leave out {name} in the file"
            mistakes.append(Mistake(f"sweep.azure.file: objective.{name}", "no such field", remedy))
    primary = str(given.get("primary_metric", ""))
    ours = metric or (primary if "/" in primary else f"val/{primary.lower() or 'f1_macro'}")
    goal = str(given.get("goal", "")).lower()
    if goal not in GOALS:
        problem = f"must be one of {listed(GOALS)}"
        typed = {"primary_metric": ours, "goal": "minimize" if sense(ours) == "min" else "maximize"}
        remedy = f"{quoted('sweep.objective', typed)}, or goal: maximize in the file"
        mistakes.append(Mistake("sweep.azure.file: objective.goal", problem, remedy, given.get("goal")))
    if metric is None and "/" not in primary:
        problem = f"the file's primary metric {primary!r} is not logged here; sweep.azure.metric names one that is"
        mistakes.append(Mistake("sweep.azure.metric", problem, quoted("sweep.azure.metric", ours)))
    if metric is not None and metric.startswith("test/"):
        problem = "a choice made on test rows spoils the test score; trials are compared on validation rows"
        mistakes.append(
            Mistake("sweep.azure.metric", problem, f"sweep.azure.metric=val/{metric.removeprefix('test/')}", metric)
        )
    return {"primary_metric": metric or primary, "goal": goal}


def _limits(given: Mapping[str, Any], mistakes: list[Mistake]) -> dict[str, Any]:
    for name in given:
        if name not in LIMITS:
            near = nearest(str(name), LIMITS)
            problem = f"no such field; allowed here: {listed(LIMITS)}"
            remedy = f"{near}: in the file" if near else f"leave out {name} in the file"
            mistakes.append(Mistake(f"sweep.azure.file: limits.{name}", problem, remedy))
    result = {}
    for name, value in given.items():
        read = seconds(value) if str(name).endswith("timeout") else value
        if name in LIMITS and (isinstance(read, bool) or not isinstance(read, int | float) or read <= 0):
            if read is not None:
                problem = "must be a number greater than 0" + ("; seconds" if str(name).endswith("timeout") else "")
                example = 3600 if str(name).endswith("timeout") else 4
                mistakes.append(
                    Mistake(f"sweep.azure.file: limits.{name}", problem, f"sweep.limits.{name}={example}", value)
                )
        elif name in LIMITS:
            result[str(name)] = read
    return result
