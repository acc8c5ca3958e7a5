"""The config.yaml of a run folder: writing it, and the part of it that is used when the run is resumed or tested.

Only settings of the schema are used; a `hydra:` block or a defaults list in somebody's folder has no effect. In a file
without this user's seal (`lab.core.record.seal`), settings that reach outside of the folder (interpolations, addresses
of loggers, the cache) are used only if the person types them again.
"""

import atexit
import copy
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.cli.command_line import Typed
from lab.config.dotted_keys import at, flattened, is_there
from lab.config.schema import Config
from lab.config.unknown_keys import RENAMED, RENAMED_CHOICES
from lab.core.errors import Mistake
from lab.core.files import read_text, yaml_mapping, yaml_text
from lab.core.hydra_quoting import quoted
from lab.core.masking import MASK, is_masked, masked_tree
from lab.core.record.seal import is_sealed

SETTINGS = frozenset(Config.model_fields) - {"sweep"}
"""Top-level keys that a saved config may have."""
ADDRESSES = {
    "cache.dir": ("cache/default.yaml", "dir"),
    "logger.mlflow.tracking_uri": ("logger/mlflow.yaml", "mlflow.tracking_uri"),
    "logger.wandb.entity": ("logger/wandb.yaml", "wandb.entity"),
}
"""Settings that name a place to send or store data, each with the file and key of its shipped default."""
RECORDS = ("run.json", "study.yaml", "multirun.yaml", ".hydra")
"""Names that only folders of runs and sweeps contain."""
INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
"""In front of `${`, two backslashes stand for one; after an odd number of them `${` is plain text."""


@dataclass(frozen=True)
class SavedConfig:
    """A config.yaml. own: whether this user's `lab` wrote it and nobody changed it since."""

    path: Path
    settings: Mapping[str, Any]
    own: bool

    def mistakes(self, conf: Path, typed: Collection[str], resumed: bool) -> list[Mistake]:
        """Return the mistakes that prevent the file from being used.

        conf: the shipped config folder; typed: keys given again on the command line; resumed: False for a test, which
        starts no logger.
        """
        result = [self._no_setting(key) for key in self.settings if key not in SETTINGS]
        result += untyped_plugins(self.path, self.settings, typed)
        outside = self.outside(conf)
        for key, value in self._flat().items():
            if key in typed:
                continue
            if is_masked(value) and (resumed or not key.startswith("logger.")):
                result.append(_secret(key, value))
            elif key in outside and (resumed or not key.startswith("logger.")):
                result.append(self.foreign(key, value))
        return result

    def outside(self, conf: Path) -> set[str]:
        """Return the keys of somebody else's file that read the environment or another setting, or that name a place to
        send or store data, unless they have the shipped default."""
        if self.own:
            return set()
        return {key for key, value in self._flat().items() if _reaches_out(key, value) and value != _shipped(conf, key)}

    def _flat(self) -> dict[str, Any]:
        return flattened({key: value for key, value in self.settings.items() if key in SETTINGS})

    def _no_setting(self, key: str) -> Mistake:
        problem = f"is no setting of a run; {self.path} may have settings only"
        return Mistake(key, problem, f"take {key} out of {self.path}, or another run")

    def foreign(self, key: str, value: object) -> Mistake:
        """Return the mistake of a setting that reaches outside of somebody else's folder."""
        problem = f"comes from {self.path}, which was not written by you on this machine; type the setting to use it"
        return Mistake(key, problem, quoted(key, value), value)

    def composable(self) -> Path:
        """Return a temporary folder with a config.yaml of only these settings, which Hydra reads in place of the
        file."""
        folder = Path(tempfile.mkdtemp(prefix="lab-run-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings = {key: value for key, value in self.settings.items() if key not in ("resume", "test")}
        text = yaml_text(settings)
        (folder / "config.yaml").write_text(text, encoding="utf-8")
        return folder


def untyped_plugins(path: Path, settings: Mapping[str, Any], typed: Collection[str]) -> list[Mistake]:
    """The mistake of plug-ins that a saved file names and the line does not: importing them runs code.

    typed: keys given on the command line.
    """
    names = settings.get("plugins") or []
    if not names or "plugins" in typed:
        return []
    problem = f"{path} needs these modules, and importing them runs their code; they are imported only when typed"
    return [Mistake("plugins", problem, quoted("plugins", names), names)]


def saved_text(settings: Mapping[str, Any], from_environment: Mapping[str, str]) -> str:
    """Return settings as the text of a config.yaml: URLs without their user information, and values from the
    environment as they were written. from_environment: dotted key to that text."""
    tree = masked_tree(_escaped(settings))
    for key, written in from_environment.items():
        parent, _, name = key.rpartition(".")
        if is_there(tree, key):
            node = at(tree, parent) if parent else tree
            node[int(name) if isinstance(node, list) else name] = written
    return yaml_text(tree)


def _escaped(value: Any) -> Any:
    """Return the same tree with escaped texts: when they are read back, `${` is no interpolation."""
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def read_saved(path: Path) -> SavedConfig:
    """Return a config.yaml, with keys and kinds of earlier versions under their present names. Raises Unreadable if the
    file is no mapping, OSError as `open` does."""
    text = read_text(path)
    return SavedConfig(path, _with_present_names(yaml_mapping(path, text)), is_sealed(text))


def _with_present_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    tree = copy.deepcopy(dict(settings))
    for old, new in RENAMED.items():
        (parent, _, name), (home, _, present) = old.rpartition("."), new.rpartition(".")
        node, target = (_node(tree, key) for key in (parent, home))
        if node is None or target is None or name not in node:
            continue
        value = node.pop(name)
        if isinstance(value, dict) and isinstance(target.get(present), dict):
            target[present] |= value
        else:
            target.setdefault(present, value)
    data = tree.get("data")
    if isinstance(data, dict) and isinstance(data.get("kind"), str):
        data["kind"] = RENAMED_CHOICES["data"].get(data["kind"], data["kind"])
    model = tree.get("model")
    if isinstance(model, dict) and model.get("base") is None and model.get("base_dropout"):
        model["base_dropout"] = 0.0  # earlier versions took it without a base, where it had no effect
    return tree


def _node(tree: dict[str, Any], key: str) -> dict[str, Any] | None:
    """Return the mapping at a dotted key, or the tree itself for an empty key; None if there is none."""
    node = tree if not key else at(tree, key) if is_there(tree, key) else None
    return node if isinstance(node, dict) else None


def obeyed_records(typed: Typed) -> list[Mistake]:
    """Return the mistakes of a line with which Hydra would obey files of a run or a sweep, including `hydra:`
    blocks."""
    result = []
    if typed.rerun is not None:
        problem = f"--experimental-rerun {typed.rerun}: would obey any file in the .hydra/ of a folder"
        result.append(Mistake("", problem, f"{quoted('resume', typed.rerun)}, or {quoted('test', typed.rerun)}"))
    if typed.config_path is not None:
        folder = Path(typed.config_path).expanduser()
        if folder.name == ".hydra" or any((folder / name).exists() for name in RECORDS):
            run = folder.parent if folder.name == ".hydra" else folder
            problem = f"--config-path {folder}: is the folder of a run or a sweep, which is data and no config"
            result.append(Mistake("", problem, f"{quoted('resume', run)}, or {quoted('test', run)}"))
    return result


def _secret(key: str, value: object) -> Mistake:
    problem = (
        "had a password, which is never written to disk; type the whole address again, or take it from the environment"
    )
    remedy = quoted(key, str(value).replace(MASK, "${oc.env:LOGIN}", 1))
    return Mistake(key, problem, f"export LOGIN=USER:PASSWORD, then {remedy}", value)


def _reaches_out(key: str, value: object) -> bool:
    """Return whether a setting reads the environment or another setting, or names a place to send or store data."""
    if isinstance(value, list):
        return any(_reaches_out(key, item) for item in value)
    if isinstance(value, Mapping):
        return any(_reaches_out(key, item) for item in value.values())
    named = key.endswith("_target_") or (key in ADDRESSES and value is not None)
    return named or (isinstance(value, str) and INTERPOLATION.search(value) is not None)


def _shipped(conf: Path, key: str) -> object:
    """Return the shipped default of an address; None for other keys."""
    if key not in ADDRESSES:
        return None
    name, place = ADDRESSES[key]
    defaults = yaml.safe_load((conf / name).read_text(encoding="utf-8"))
    return at(defaults, place) if is_there(defaults, place) else None
