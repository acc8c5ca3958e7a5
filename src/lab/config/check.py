"""From a composed config to a typed one, or to every mistake in it at once. Needs no data, no weights and no torch.

pydantic detects wrong types, ranges, choices and keys; `lab.config.rules` detects contradictions between keys. Every
mistake names the dotted key, the value, the allowed values and what to type.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from omegaconf import DictConfig
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lab.config import targets
from lab.config.dotted_keys import at, flattened, is_there
from lab.config.interpolations import resolved, without_repeats
from lab.config.metric_direction import with_mode
from lab.config.rules import contradictions, not_finite
from lab.config.rules.models import EXAMPLE_ENCODER
from lab.config.schema import Config
from lab.config.schema.commands.export import ExportRequest
from lab.config.schema.commands.serve import ServeRequest
from lab.config.schema.predict import PredictRequest
from lab.config.schema.report import ReportRequest
from lab.config.typed_values import example, typed
from lab.config.unknown_keys import unknown_value
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.core.masking import from_environment

FILL_IN = {
    "data.text": "'data.text=[descripcion]'",
    "data.labels": "'data.labels=[modo,causa]'",
    "data.path": "data.path=stanfordnlp/imdb",
    "model.path": f"model.path={EXAMPLE_ENCODER}",
    "model._target_": "model._target_=my_module.MyModule 'plugins=[my_module]'",
    "data._target_": "data._target_=my_module.MyDataModule 'plugins=[my_module]'",
    "data.metric": "data.metric=val/acc objective.mode=max",
    "baselines.max_wait_s": "baselines.max_wait_s=1800",
    "callbacks.checkpoint.every_minutes": "callbacks.checkpoint.every_minutes=10",
    "run": "run=outputs/DATE/TIME",
    "input": "input=new.csv",
    "output": "output=my_model",
}
"""Examples to type for keys that have no default, or whose smallest value is of no use."""
NO_DEFAULT = "has no default and must be given"
"""The first words about a key without a value."""
GREATER = "must be greater than"
"""The first words about a number that is too small for a limit that it may not equal."""
OF_THE_FILE = ("data.text", "data.labels")
"""Keys whose values are names of columns."""
RequestT = TypeVar("RequestT", bound=BaseModel)

SAME_KEYS = {
    "optimizer": (), "scheduler": ("linear", "cosine", "constant", "step"), "loss": ("cross_entropy", "focal"),
}  # fmt: skip
"""Groups whose choices are called as their kinds, with the kinds that have the same keys."""


UNCHOSEN = Mistake("model", "auto is a choice that is made before a run", "model=auto on the command line", "auto")
"""The mistake of a config whose model is still to be chosen."""


def check(composed: DictConfig | Mapping[str, Any]) -> Config:
    """Return the typed config. Raises RequestError with every mistake that can be seen without data or weights."""
    plain, unresolved = _plain(composed)
    if isinstance(plain.get("model"), Mapping) and plain["model"].get("kind") == "auto":
        raise RequestError(UNCHOSEN)
    plain, undirected = with_mode(plain)
    blanks, mistakes = list(_blanks(plain)), [*without_repeats(unresolved), *undirected]
    mistakes += map(_not_given, blanks)
    mistakes += [replace(each, remedy=each.remedy or _finite(each.key, plain)) for each in not_finite(plain)]
    config: Config | None = None
    try:
        config = Config.model_validate(plain)
    except ValidationError as error:
        mistakes += _in_words(
            error.errors(include_url=False), plain, {mistake.key for mistake in mistakes} | {*unresolved}
        )
    values = typed(plain) if config is None else config.model_dump()
    mistakes += contradictions(values, {mistake.key for mistake in mistakes} | {*unresolved})
    mistakes += targets.mistakes(plain, {mistake.key for mistake in mistakes} | {*unresolved})
    if mistakes:
        raise RequestError(mistakes)
    assert config is not None
    if isinstance(composed, DictConfig):
        config._from_environment.update(from_environment(composed))
    return config


def judged(composed: DictConfig, defaults: DictConfig) -> tuple[Config, list[Mistake]]:
    """Return the typed config and every mistake in it.

    The config has the default in place of each wrong value, so that later checks (the blocks of a sweep) are possible
    too, and all mistakes are reported together. Raises RequestError if no sound config results.
    """
    try:
        return check(composed), []
    except RequestError as error:
        (mended, _), (whole, _) = _plain(composed), _plain(defaults)
        for mistake in error.mistakes:
            parent, _, name = mistake.key.rpartition(".")
            place = at(mended, parent) if parent and is_there(mended, parent) else mended
            if is_there(whole, mistake.key):
                place[name] = at(whole, mistake.key)
            else:
                place.pop(name, None)
        try:
            return check(mended), list(error.mistakes)
        except RequestError:
            raise error from None


def misfits(plain: Mapping[str, Any], key: str, value: Any) -> list[Mistake]:
    """Return the reasons why `key` can never have this value, whatever the other keys are. plain: a sound config."""
    changed: dict[str, Any] = copy.deepcopy(dict(plain))
    parent, _, name = key.rpartition(".")
    node: Any = at(changed, parent) if parent else changed
    node[int(name) if isinstance(node, list) else name] = list(value) if isinstance(value, tuple) else value
    try:
        Config.model_validate(changed)
    except ValidationError as error:
        mistakes = _in_words(error.errors(include_url=False), changed, set())
        return [mistake for mistake in mistakes if mistake.key == key or mistake.key.startswith(f"{key}.")]
    return [mistake for mistake in not_finite(changed) if mistake.key == key]


def check_report(composed: DictConfig | Mapping[str, Any]) -> ReportRequest:
    """Return the typed config of a report. Raises RequestError with every mistake."""
    return _checked(composed, ReportRequest)


def check_predict(composed: DictConfig | Mapping[str, Any]) -> PredictRequest:
    """Return the typed config of a prediction. Raises RequestError with every mistake."""
    return _checked(composed, PredictRequest)


def check_serve(composed: DictConfig | Mapping[str, Any]) -> ServeRequest:
    """Return the typed config of a server. Raises RequestError with every mistake."""
    return _checked(composed, ServeRequest)


def check_export(composed: DictConfig | Mapping[str, Any]) -> ExportRequest:
    """Return the typed config of an export. Raises RequestError with every mistake."""
    return _checked(composed, ExportRequest)


def _checked(composed: DictConfig | Mapping[str, Any], schema: type[RequestT]) -> RequestT:
    plain, unresolved = _plain(composed)
    blanks, mistakes = list(_blanks(plain)), without_repeats(unresolved)
    mistakes += map(_not_given, blanks)
    try:
        config = schema.model_validate(plain)
    except ValidationError as error:
        mistakes += _in_words(error.errors(include_url=False), plain, {*unresolved, *blanks}, schema)
    if mistakes:
        raise RequestError(mistakes)
    return config


def _plain(composed: DictConfig | Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Mistake]]:
    return resolved(composed) if isinstance(composed, DictConfig) else (dict(composed), {})


def _finite(key: str, plain: Mapping[str, Any]) -> str:
    value = example(plain, key)
    return quoted(key, 1 if value == "..." else value)


def _not_given(key: str) -> Mistake:
    problem = f"{NO_DEFAULT}: names of columns of your data" if key in OF_THE_FILE else NO_DEFAULT
    return Mistake(key, problem, FILL_IN.get(key, f"{key}=..."))


def _blanks(plain: Mapping[str, Any]) -> Iterator[str]:
    return (key for key, value in flattened(plain).items() if isinstance(value, str) and value == "???")


def _in_words(
    errors: list[ErrorDetails], plain: Mapping[str, Any], known: set[str], schema: type[BaseModel] = Config
) -> Iterator[Mistake]:
    """Yield one mistake per key: each branch of a union (`a number, or auto`) has an error of its own."""
    grouped: dict[str, list[ErrorDetails]] = {}
    for error in errors:
        grouped.setdefault(_dotted(error, plain), []).append(error)
    keys = flattened(plain)
    for key, group in grouped.items():
        if key in known or any(other.startswith(f"{key}.") for other in grouped):
            continue  # reported already, or reported for the key below it by another branch of the union
        if any(error["type"] == "extra_forbidden" for error in group):
            lacking = [name for name, errors in grouped.items() if all(error["type"] == "missing" for error in errors)]
            there = [other for other in keys if other not in grouped]
            yield unknown_value(key, group[0]["input"], [*lacking, *there])
        elif all(error["type"] == "missing" for error in group):
            yield Mistake(
                key, "is missing; every key that conf/ lists is needed", quoted(f"++{key}", example(plain, key, schema))
            )
        else:
            allowed = list(dict.fromkeys(_allowed(error) for error in group))
            problem = "must be " + " or ".join(words.removeprefix("must be ") for words in allowed)
            yield Mistake(
                key,
                problem if len(allowed) > 1 else allowed[0],
                _instead(key, group, plain, schema),
                _value(group, plain, key),
            )


def _dotted(error: ErrorDetails, plain: Mapping[str, Any]) -> str:
    """Return the dotted key of an error: its location without the names of union branches and list positions."""
    node: Any = plain
    parts: list[str] = []
    for part in error["loc"]:
        if isinstance(node, Mapping) and part in node:
            node = node[part]
            parts.append(str(part))
        elif isinstance(node, Mapping) and error["type"] == "missing" and part == error["loc"][-1]:
            parts.append(str(part))
    if error["type"].startswith("union_tag"):
        parts.append("kind")
    return ".".join(parts)


def _value(group: list[ErrorDetails], plain: Mapping[str, Any], key: str) -> object:
    node: Any = plain
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return "null" if node is None else group[0]["input"] if isinstance(node, Mapping) else node


_RANGES = {
    "greater_than": (f"{GREATER} {{gt}}", "gt"),
    "greater_than_equal": ("must be at least {ge}", "ge"),
    "less_than": ("must be less than {lt}", "lt"),
    "less_than_equal": ("must be at most {le}", "le"),
}
_TYPES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "not_a_switch": "must be a number, not true or false",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}


def _allowed(error: ErrorDetails) -> str:
    kind, ctx = error["type"], error.get("ctx", {})
    if kind in _RANGES:
        return _RANGES[kind][0].format(
            **{name: str(bound) if isinstance(bound, int) else f"{bound:g}" for name, bound in ctx.items()}
        )
    if kind == "literal_error":
        choices = _choices(error)
        return f"must be {'one of ' if len(choices) > 1 else ''}{listed(choices)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"must be one of {str(ctx.get('expected_tags', 'the kinds in conf/')).replace(chr(39), '')}"
    if kind in ("too_short", "too_long"):
        bound = ctx["min_length"] if kind == "too_short" else ctx["max_length"]
        return f"must name at {'least' if kind == 'too_short' else 'most'} {bound}"
    return _TYPES.get(kind, error["msg"][0].lower() + error["msg"][1:])


def _choices(error: ErrorDetails) -> list[str]:
    """Return the choices, which pydantic lists as `'a', 16 or 'c'`; 16 and '16' are typed the same way."""
    words = str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")
    return list(dict.fromkeys(word.strip("'") for word in words))


def _instead(key: str, group: list[ErrorDetails], plain: Mapping[str, Any], schema: type[BaseModel]) -> str:
    """Return what to type: the nearest choice if there are choices, else a value in the range, else any valid value."""
    if isinstance(group[0]["loc"][-1], int):  # a place in a list, of one value or of a number of them
        whole = example(plain, key, schema)
        if group[0]["type"] not in _RANGES or (isinstance(whole, list) and len(whole) > 1):
            return quoted(key, whole)
        _, _, value = _instead("", [{**error, "loc": ("",)} for error in group], plain, schema).partition("=")
        return f"'{key}=[{value}]'"
    choices = [choice for error in group if error["type"] == "literal_error" for choice in _choices(error)]
    if choices:
        return f"{key}={nearest(str(group[0]['input']), choices) or choices[0]}"
    first = group[0]
    if first["type"] == "union_tag_invalid" and (group_name := key.partition(".")[0]) in SAME_KEYS:
        tags = str(first["ctx"]["expected_tags"]).replace("'", "").split(", ")
        near = nearest(str(first["ctx"]["tag"]), tags) or tags[0]
        return f"{key}={near}" if near in SAME_KEYS[group_name] else f"{group_name}={near}"
    if first["type"] in _RANGES and key not in FILL_IN:
        bound = first["ctx"][_RANGES[first["type"]][1]]
        inside = {"greater_than": bound + 1 if isinstance(bound, int) else bound + 0.001, "less_than": bound / 10}
        return f"{key}={inside.get(first['type'], bound)}"
    if first["type"] == "tuple_type" and isinstance(first["input"], str | int | float):
        return quoted(key, [first["input"]])
    return FILL_IN.get(key) or quoted(key, example(plain, key, schema))
