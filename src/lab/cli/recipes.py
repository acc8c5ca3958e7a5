"""experiment/best.yaml, the recipe of a run for `--config-dir DIR experiment=best`: writing it, and checking it.

A recipe has only settings, and choices among the shipped groups, so that a recipe from anybody's folder can do nothing
else.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from lab.cli.command_line import Typed, split
from lab.cli.saved_config import SETTINGS, SavedConfig, untyped_plugins
from lab.config.dotted_keys import at
from lab.config.key_roles import has_role, keys
from lab.config.schema import Role
from lab.core.errors import Mistake
from lab.core.files import Unreadable, read_text, read_yaml, write_whole, yaml_mapping, yaml_text
from lab.core.record.run_folder import RunFolder
from lab.core.record.seal import is_sealed, sealed

CHOICES = keys(Role.RECIPE_GROUP)
"""Groups of conf/ whose choices are in a recipe."""
PACKAGE, BEST = "# @package _global_", "best"
_NAME = re.compile(r"\w[\w.-]*")


def recipe(run: RunFolder, words: str) -> str:
    """Return the text of experiment/best.yaml of `run`.

    words: one line on why it is the best. Settings that only name the run (name, tags, loggers), the folder of the
    cache, and all keys that are no settings are left out, since the run may be anybody's. Raises Unreadable for a
    damaged config.yaml or .hydra/hydra.yaml, FileNotFoundError if one is missing.
    """
    saved, path = read_text(run.config), run.path / ".hydra" / "hydra.yaml"
    config, hydra = yaml_mapping(run.config, saved), read_yaml(path)
    try:
        choices = dict(hydra["hydra"]["runtime"]["choices"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(path, "it has no hydra.runtime.choices") from error
    chosen = {group: choices[group] for group in CHOICES if _NAME.fullmatch(str(choices.get(group) or ""))}
    node: dict[str, Any] = {"defaults": [*({f"override /{group}": name} for group, name in chosen.items()), "_self_"]}
    node |= {key: _shared(key, config[key]) for key in (*CHOICES, *keys(Role.RECIPE)) if key in config}
    comment = " ".join(words.split())
    text = f"# @package _global_\n# {comment}\n" + yaml_text(node)
    return sealed(text) if is_sealed(saved) else text


def _shared(key: str, value: Any) -> Any:
    """Return the value of a top-level key without the settings that are valid on one machine only."""
    if not isinstance(value, dict):
        return value
    return {name: below for name, below in value.items() if not has_role(f"{key}.{name}", Role.LOCAL)}


def write_best(folder: Path, text: str) -> Path:
    """Write a `recipe` to experiment/best.yaml in `folder`, for `--config-dir folder experiment=best`; return its
    path."""
    path = folder / "experiment" / "best.yaml"
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))
    return path


def foreign_recipe(typed: Typed, conf: Path) -> list[Mistake]:
    """Return the mistakes of the recipe that `--config-dir DIR experiment=best` names: all that is no setting.

    conf: the shipped config folder.
    """
    keys = dict(map(split, typed.overrides))
    if typed.config_dir is None or BEST not in re.split(r"[\[\]\s,'\"]+", keys.get("experiment", "")):
        return []
    path = Path(typed.config_dir).expanduser() / "experiment" / f"{BEST}.yaml"
    try:
        return list(recipe_mistakes(path, conf, keys)) if path.is_file() else []
    except (Unreadable, OSError) as error:
        return [Mistake("experiment", f"{path} cannot be read: {error}", "", BEST)]


def recipe_mistakes(path: Path, conf: Path, typed: Collection[str]) -> Iterator[Mistake]:
    """Yield the mistakes of an experiment/best.yaml, which anybody may have written: all that is no setting.

    conf: the shipped config folder; typed: keys given on the command line.
    """
    text = read_text(path)
    recipe = yaml_mapping(path, text)
    if not text.startswith(PACKAGE):
        yield Mistake(
            "experiment", f"{path} is no recipe: a recipe begins with {PACKAGE!r} and has settings", "", "best"
        )
        return
    for key in recipe:
        if key not in SETTINGS | {"defaults"}:
            problem = f"is no setting of a run; {path} may have settings only"
            yield Mistake(str(key), problem, f"take {key} out of {path}")
    chosen = recipe.get("defaults") or []
    for entry in chosen if isinstance(chosen, list) else [chosen]:
        if entry != "_self_" and not _is_choice(entry, conf):
            problem = f"{path} may only choose {', '.join(CHOICES)} from conf/, and not {entry}"
            yield Mistake("defaults", problem, f"take it out of {path}")
    yield from untyped_plugins(path, recipe, typed)
    foreign = SavedConfig(path, recipe, is_sealed(text))
    for key in sorted(foreign.outside(conf) - set(typed)):
        yield foreign.foreign(key, at(recipe, key))


def _is_choice(entry: object, conf: Path) -> bool:
    """Return whether an entry of a defaults list chooses a shipped file; a file next to the recipe could set
    anything."""
    if not isinstance(entry, dict) or len(entry) != 1:
        return False
    ((group, choice),) = entry.items()
    name = str(group).removeprefix("override /")
    files = choice if isinstance(choice, list) else [] if choice is None else [choice]
    return name in CHOICES and is_name(choice) and all((conf / name / f"{file}.yaml").is_file() for file in files)


def is_name(choice: object) -> bool:
    """Return whether a group's choice is the name of a file, or a list of names, and no path."""
    if isinstance(choice, list):
        return all(map(is_name, choice))
    return choice is None or (isinstance(choice, str) and _NAME.fullmatch(choice) is not None)
