"""Every mistake in a request at once, before Hydra runs it: Hydra itself stops at the first.

Group choices are checked first, because they decide which keys exist; a misspelt choice is read as the nearest one, so
that other keys are checked against the intended choice. Costs one composition of about 50 ms for the groups and one
more if single keys are set. Hydra then composes again: its public interface accepts no composed config.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lab.cli.arguments import slurm
from lab.cli.arguments.missing_quotes import unreadable
from lab.cli.command_line import Typed, split
from lab.cli.compose import composed, search_path, wrong_flags
from lab.cli.optional_packages import not_installed, packages_of
from lab.cli.searched_keys import filled
from lab.cli.sweep_overrides import SPACE, misread, part_matched, remember, strings_of, unsearched, unswept, values_of
from lab.config.check import GREATER, NO_DEFAULT, check
from lab.config.dotted_keys import is_below, is_there
from lab.config.plugins import load
from lab.config.schema import Config
from lab.config.template_overrides import of_choice
from lab.config.unknown_keys import RENAMED_CHOICES, no_key
from lab.core.errors import Mistake, RequestError, leave_out, listed, nearest
from lab.core.hydra_quoting import quoted

Check = Callable[[DictConfig], object]
Also = Callable[[ConfigLoader, str, Sequence[str]], list[Mistake]]  # loader, the primary config's name, sound overrides
REQUIRED = {name for name, field in Config.model_fields.items() if field.is_required()}
LEAVE_OUT = "leave out "


@dataclass
class _Judged:
    """The parts of a request. A sweep is a list of overrides, any other override a list of one."""

    groups: list[list[str]] = field(default_factory=list)
    keys: list[Override] = field(default_factory=list)
    sound: list[list[str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Sound overrides as typed; a misspelt choice as the nearest one."""
    deleted: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    """Groups whose choice is unknown and similar to none: keys below them cannot be checked."""
    mistakes: list[Mistake] = field(default_factory=list)


def mistakes(
    typed: Typed, conf: Path, name: str = "config", check: Check = check, also: Also | None = None
) -> list[Mistake]:
    """Return every mistake of a command line that can be seen without data and weights.

    conf: the config folder if `--config-path` is not typed; name: its file; check: checks a composed config; also:
    called if there are mistakes, and returns further ones, so that all are reported at once.
    """
    folder = Path(typed.config_path) if typed.config_path else conf
    name = (typed.config_name or name).removesuffix(".yaml")
    if mistaken := wrong_flags(typed, folder, name):
        return mistaken
    with initialize_config_dir(str(folder.absolute()), job_name="train"):
        return _judge(typed, name, check, also)


def _judge(typed: Typed, name: str, check: Check, also: Also | None) -> list[Mistake]:
    judged, places = _Judged(), search_path(typed)
    judged.groups += [[place] for place in places]
    judged.kept += places
    for text in typed.overrides:
        _read(text, typed, judged, name, places)
    base, refused = composed(name, [values[0] for values in judged.groups])
    if base is None or refused:
        return [*judged.mistakes, *refused]
    load(base.get("plugins") or ())  # of an experiment's YAML; those on the line are loaded already
    if typed.multirun:
        judged.sound += [[override] for override in filled(base)]
    plain = OmegaConf.to_container(base, resolve=False)
    assert isinstance(plain, dict)
    known = {str(key): value for key, value in plain.items()}
    for override in judged.keys:
        _read_key(override, known, judged)
    judged.mistakes += unsearched(judged.keys, lambda: _sweeper(name, [values[0] for values in judged.groups]))
    jobs = _checked_jobs(name, [*judged.groups, *judged.sound], check, None if judged.sound else base)
    new = {str(mistake): mistake for mistake in _of_typed(jobs, judged) if not is_below(mistake.key, judged.unread)}
    new = {words: _with_default(mistake, base, judged) for words, mistake in new.items()}
    meant = {mistake.remedy.strip("'").partition("=")[0] for mistake in judged.mistakes}  # typed under another name
    unmeant = [each for each in new.values() if each.key not in meant or not each.problem.startswith(NO_DEFAULT)]
    every = _besides(judged.mistakes, unmeant)
    every = _besides(every, slurm.of_line(typed, name, [*judged.groups, *judged.sound]))
    if every and also is not None:
        every = _besides(every, also(GlobalHydra.instance().config_loader(), name, judged.kept))
    return every


def _of_typed(mistakes: Iterable[Mistake], judged: _Judged) -> Iterator[Mistake]:
    """Yield the mistakes with remedies for the typed overrides: the remedy of a deleted key is to keep it, and of keys
    that share a problem the typed one is named."""
    every, typed = list(mistakes), {override.key_or_group for override in judged.keys}
    blamed = {mistake.problem for mistake in every if mistake.key in typed and mistake.remedy.startswith(LEAVE_OUT)}
    for mistake in every:
        gone = next((key for key in judged.deleted if is_below(mistake.key, [key])), None)
        if gone is not None:
            yield replace(mistake, remedy=leave_out(f"~{gone}"))
        elif mistake.key in typed or mistake.problem not in blamed:
            yield mistake


def _with_default(mistake: Mistake, base: DictConfig, judged: _Judged) -> Mistake:
    """The mistake of a typed number that must be greater than a limit, with the default as its remedy.

    A value just above the limit is allowed and of no use: .001 seconds, say. base: the config before keys are typed.
    """
    typed = mistake.key in {override.key_or_group for override in judged.keys}
    if not typed or not mistake.problem.startswith(f"{GREATER} "):
        return mistake
    try:
        default = OmegaConf.select(base, mistake.key)
    except OmegaConfBaseException:
        return mistake
    number = isinstance(default, int | float) and not isinstance(default, bool)
    return replace(mistake, remedy=quoted(mistake.key, default)) if number or default is None else mistake


def _besides(known: Sequence[Mistake], more: Iterable[Mistake]) -> list[Mistake]:
    """Return the known mistakes and those of further keys; a typed distribution is named by its key."""
    keys = {mistake.key for mistake in known}
    return [*known, *(mistake for mistake in more if mistake.key.removeprefix(f"{SPACE}.") not in keys)]


def _read(text: str, typed: Typed, judged: _Judged, name: str, places: list[str]) -> None:
    """Add one override to the groups or the keys, or its mistake to the list."""
    try:
        if text.startswith("="):
            raise HydraException("no key")
        override = OverridesParser.create().parse_override(text)
        loader, group = GlobalHydra.instance().config_loader(), override.key_or_group
        is_key = "." in group  # no group has a dot, and reading its choices would read the primary config
        options = [] if is_key else loader.get_group_options(group, config_name=name, overrides=places)
    except HydraException as error:
        judged.mistakes.append(unreadable(text, error))
        return
    override.config_loader = loader
    if override.is_sweep_override() and not typed.multirun:
        problem = "is a list of values to try, which needs -m"
        judged.mistakes.append(
            Mistake(override.key_or_group, problem, f"-m {shlex.quote(text)}", text.partition("=")[2])
        )
    elif options and not override.is_hydra_override() and _is_resumed(typed):
        problem = "an existing run keeps its groups; only single keys can change"
        judged.mistakes.append(Mistake(override.key_or_group, problem, f"leave out {text}", text.partition("=")[2]))
    elif (mistake := unswept(override, typed.multirun)) is not None:
        judged.mistakes.append(mistake)
    elif options and override.is_delete() and override.key_or_group in REQUIRED:
        problem = f"cannot be left out; it is one of {listed(_choices(options))}"
        judged.mistakes.append(Mistake(override.key_or_group, problem, leave_out(text)))
    elif options and not override.is_delete():
        _read_group(override, _choices(options), judged)
    else:
        judged.keys.append(override)


def _choices(options: Sequence[str]) -> list[str]:
    """Return the choices of a group: files that begin with `_` are parts of other files."""
    return [option for option in options if not option.startswith("_")]


def _is_resumed(typed: Typed) -> bool:
    return any(key in ("resume", "test") and value != "null" for key, value in map(split, typed.overrides))


def _read_group(override: Override, options: list[str], judged: _Judged) -> None:
    group, num_before = override.key_or_group, len(judged.mistakes)
    chosen: list[str] = []
    values = values_of(override)
    if not values:
        judged.mistakes.append(Mistake(group, f"matches none of {listed(options)}", f"{group}={options[0]}",
                                       override.get_value_string()))  # fmt: skip
    for value in values:
        names = value if isinstance(value, list) else [value]
        for wrong in [name for name in names if str(name) not in options]:
            judged.mistakes.append(part_matched(override) or _no_choice(group, wrong, options))
        read = [name if name in options else nearest(str(name), options) for name in map(str, names)]
        if None in read:
            judged.unread.append(group)
        else:
            prefix = override.get_key_element()
            chosen.append(
                f"{prefix}=[{','.join(map(str, read))}]" if isinstance(value, list) else f"{prefix}={read[0]}"
            )
    if chosen:
        judged.groups.append(chosen)
        judged.kept.append(chosen[0] if num_before < len(judged.mistakes) else str(override.input_line))


def _no_choice(group: str, value: object, options: list[str]) -> Mistake:
    if (foreign := of_choice(group, value)) is not None:
        return foreign
    if value is None:
        return Mistake(group, f"must be one of {listed(options)}", f"leave out {group}", "null")
    if needed := packages_of(f"{group}={value}"):
        return not_installed(group, needed[0], value=value, problem="needs a package that is not installed")
    new = RENAMED_CHOICES.get(group, {}).get(str(value))
    problem = f"is called {new}" if new else f"is none of {listed(options)}"
    return Mistake(group, problem, f"{group}={new or nearest(str(value), options) or options[0]}", value)


def _read_key(override: Override, plain: dict[str, Any], judged: _Judged) -> None:
    """Check whether the key can be set in the config of the groups; the check of the config covers keys added by
    `+`."""
    key, text = override.key_or_group, None if override.is_delete() else override.get_value_string()
    there = is_there(plain, key) or key == "hydra" or key.startswith(("hydra.", "hydra/"))
    deleted = key in judged.deleted
    judged.deleted |= {key} if override.is_delete() else set()
    if (mistake := misread(override, plain, deleted)) is not None:
        judged.mistakes.append(mistake)
    elif override.is_add() and is_there(plain, key) and not (override.is_force_add() or deleted):
        judged.mistakes.append(
            Mistake(f"+{key}", "this key exists already; without the + it is set", shlex.quote(f"{key}={text}"), text)
        )
    elif there or ((override.is_add() or override.is_force_add()) and _has_room(key, plain)):
        prefix = override.get_key_element()
        values = [prefix] if override.is_delete() else [f"{prefix}={value}" for value in strings_of(override)]
        judged.sound.extend([values] if values else [])
        remember(plain, override)
        judged.kept.append(str(override.input_line))
    elif not is_below(key, judged.unread):
        judged.mistakes.append(no_key(key, text, plain))


def _has_room(key: str, plain: Mapping[str, Any]) -> bool:
    """Return whether an added key is below a known part of the config, so that the schema can check it."""
    root = key.partition(".")[0]
    return root in plain or root in Config.model_fields


def _checked_jobs(name: str, overrides: list[list[str]], check: Check, first: DictConfig | None) -> Iterator[Mistake]:
    """Yield the mistakes of the job of first values, then of each further value of each sweep with the other first
    ones.

    first: the config of the job of first values, if it is composed already.
    """
    yield from _checked(name, [values[0] for values in overrides], check, first)
    for place, values in enumerate(overrides):
        for value in values[1:]:
            job = [value if other == place else rest[0] for other, rest in enumerate(overrides)]
            yield from _checked(name, job, check)


def _checked(name: str, overrides: Sequence[str], check: Check, config: DictConfig | None = None) -> list[Mistake]:
    mistakes: list[Mistake] = []
    if config is None:
        config, mistakes = composed(name, overrides)
    if config is None:
        return mistakes
    try:
        check(config)
    except RequestError as error:
        known = {mistake.key for mistake in mistakes}
        mistakes += [mistake for mistake in error.mistakes if mistake.key not in known]
    return mistakes


def _sweeper(name: str, overrides: list[str]) -> str:
    """Return the class that runs a multirun."""
    return str(compose(name, overrides, return_hydra_config=True).hydra.sweeper["_target_"])
