"""A command line with `model=auto`: what does not go with it, and the line with a model in its place.

Only the names of keys are looked at here. The line that remains says `model=NAME model_reason=...`, with
`model.base=...` and `model.epochs=...` if the choice has them, so that jobs on other machines and later commands need
no choice.
"""

from collections.abc import Iterator, Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from lab.cli.command_line import AUTO, Typed, names_auto, split
from lab.config.dotted_keys import is_below
from lab.config.rules.tasks import LABELLED, QUESTIONS, SERIES
from lab.core.errors import Mistake, leave_out
from lab.core.hydra_quoting import for_hydra
from lab.training.auto.table import Choice

REASON = "model_reason"
SAME_DATA = ("data.batch_size", "data.max_tokens", "data.max_length", "data.num_workers", "data.pin_memory",
             "data.split.seed", "data.split.fold", "data.generator_seed")  # fmt: skip
"""Keys of the data that do not change what the choice looks at: folds of the same rows are as large as each other."""
NAMED = {LABELLED: ("ngram", "tiny"), QUESTIONS: ("tiny", "minilm"), SERIES: ("minirocket", "inception_time")}
"""Models to type instead of auto, by task."""
FIXED = (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP, ValueType.RANGE_SWEEP)
"""Sweeps whose values are known without the choices of a group."""


def without(argv: Sequence[str]) -> list[str]:
    """Return the line without `model=auto`."""
    return [word for word in argv if word != AUTO]


def with_choice(argv: Sequence[str], choice: Choice) -> list[str]:
    """Return the line with the chosen model in place of `model=auto`."""
    keys = {"model.base": choice.base, "model.epochs": choice.epochs}
    more = [f"{key}={value}" for key, value in keys.items() if value is not None]
    return [*without(argv), f"model={choice.model}", *more, f"{REASON}={for_hydra(choice.reason)}"]


def single(overrides: Sequence[str]) -> list[str]:
    """Return the overrides of one job of a multirun: the first value of each list; intervals and patterns are left
    out."""
    words = [(word, _parsed(word)) for word in overrides]
    return [first for word, read in words if (first := word if read is None else _first(word, read)) is not None]


def _first(word: str, read: Override) -> str | None:
    """Return an override with its first value; None if it has no list of values."""
    if not read.is_sweep_override():
        return word
    value = next(read.sweep_string_iterator(), None) if read.value_type in FIXED else None
    return None if value is None else f"{read.get_key_element()}={value}"


def unfit(typed: Typed, search_space: Mapping[str, object], task: str) -> Iterator[Mistake]:
    """Yield what does not go with a choice: keys of a model, adapters, several models, and data that vary between jobs.

    search_space: of the sweep's file; task: of the data, as in `lab.config.rules.tasks`.
    """
    model, other = NAMED.get(task, NAMED[LABELLED])
    for word in typed.overrides:
        key, value = split(word)
        read = _parsed(word)
        if word != AUTO and names_auto(word):
            problem = "auto is chosen once for all jobs and is not one of several models"
            yield Mistake("model", problem, f"{AUTO} alone, or -m model={model},{other}", value)
        elif key == REASON:
            yield Mistake(key, "is written by model=auto", leave_out(word), value)
        elif key.startswith("model."):
            problem = f"is a key of some models, and {AUTO} has not chosen one yet"
            yield Mistake(key, problem, f"{leave_out(word)}, or name the model: model={model}", value)
        elif key == "peft" and value != "none":
            problem = f"changes an encoder, and {AUTO} may choose another model"
            named = "" if task == SERIES else ", or name the model: model=minilm"
            yield Mistake(key, problem, f"{leave_out(word)}{named}", value)
        elif read is not None and read.is_sweep_override() and varies(key):
            yield _varied(key, value, model)
    for key in search_space:
        if key == "model" or varies(key):
            yield _varied(key, None, model)


def _varied(key: str, value: str | None, model: str) -> Mistake:
    problem = f"differs between the jobs, and {AUTO} chooses once, by the data of all of them"
    return Mistake(key, problem, f"one value of {key}, or name the model: model={model}", value)


def varies(key: str) -> bool:
    """Return whether a key changes what the choice looks at."""
    return key in ("data", "experiment") or (key.startswith("data.") and not is_below(key, SAME_DATA))


def _parsed(word: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:  # reported by the check of the line
        return None
