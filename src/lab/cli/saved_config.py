"""What a run folder says about its own settings is data: which of it may act when the run is resumed or tested.

A config.yaml gives settings of the schema and nothing else, so no `hydra:` block or defaults list of somebody's folder
is obeyed. In a file that this user's own `lab` has not sealed (`lab.core.record.seal`), settings that reach outside the
folder (interpolations, addresses of loggers, the cache) count only where the person types them again.
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
"""Settings that say where something is sent or kept, each with the file and key of its shipped default."""
RECORDS = ("run.json", "study.yaml", "multirun.yaml", ".hydra")
"""Marks of the folder of a run or a sweep."""
INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
"""Before `${` each two backslashes are one, and one more makes a text of it."""


@dataclass(frozen=True)
class SavedConfig:
    """A config.yaml. own: whether this user's `lab` wrote it as it stands."""

    path: Path
    settings: Mapping[str, Any]
    own: bool

    def mistakes(self, conf: Path, typed: Collection[str], resumed: bool) -> list[Mistake]:
        """The mistakes that keep the file from being used.

        conf: the shipped config folder; typed: keys given again on the command line; resumed: False for a test, which
        starts no logger.
        """
        found = [self._no_setting(key) for key in self.settings if key not in SETTINGS]
        found += untyped_plugins(self.path, self.settings, typed)
        outside = self.outside(conf)
        for key, value in self._flat().items():
            if key in typed:
                continue
            if is_masked(value) and (resumed or not key.startswith("logger.")):
                found.append(_secret(key, value))
            elif key in outside and (resumed or not key.startswith("logger.")):
                found.append(self.foreign(key, value))
        return found

    def outside(self, conf: Path) -> set[str]:
        """Keys of a file that is not the user's own which read the environment or another setting, or say where
        something is sent or kept, and are not what `lab` ships."""
        if self.own:
            return set()
        return {key for key, value in self._flat().items() if _reaches_out(key, value) and value != _shipped(conf, key)}

    def _flat(self) -> dict[str, Any]:
        return flattened({key: value for key, value in self.settings.items() if key in SETTINGS})

    def _no_setting(self, key: str) -> Mistake:
        problem = f"is no setting of a run; {self.path} may hold settings and nothing that acts"
        return Mistake(key, problem, f"take {key} out of {self.path}, or another run")

    def foreign(self, key: str, value: object) -> Mistake:
        """The mistake of a setting that reaches out of another user's folder."""
        problem = f"comes from {self.path}, which was not written by you on this machine, and is used only when typed"
        return Mistake(key, problem, quoted(key, value), value)

    def composable(self) -> Path:
        """A folder with a config.yaml of these settings alone, which Hydra reads in place of the saved file. It is
        removed when the process ends."""
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
    """Settings as the text of a config.yaml: URLs without their user information, and what came from the environment
    as it was written. from_environment: dotted key to that text."""
    tree = masked_tree(_escaped(settings))
    for key, written in from_environment.items():
        parent, _, name = key.rpartition(".")
        if is_there(tree, key):
            node = at(tree, parent) if parent else tree
            node[int(name) if isinstance(node, list) else name] = written
    return yaml_text(tree)


def _escaped(value: Any) -> Any:
    """The same tree whose texts are read back as they are: `${` in a text is no interpolation."""
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def read_saved(path: Path) -> SavedConfig:
    """Keys and kinds of earlier versions are read under their present names. Raises Unreadable where the file is no
    mapping of settings, OSError as `open` does."""
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
    return tree


def _node(tree: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The mapping at a dotted key, of the tree itself for an empty one; None where there is none."""
    node = tree if not key else at(tree, key) if is_there(tree, key) else None
    return node if isinstance(node, dict) else None


def obeyed_records(typed: Typed) -> list[Mistake]:
    """The mistakes of a line that would make Hydra obey files that a run or a sweep left, `hydra:` blocks and all."""
    found = []
    if typed.rerun is not None:
        problem = f"--experimental-rerun {typed.rerun}: obeys whatever stands in the .hydra/ of a folder"
        found.append(Mistake("", problem, f"{quoted('resume', typed.rerun)}, or {quoted('test', typed.rerun)}"))
    if typed.config_path is not None:
        folder = Path(typed.config_path).expanduser()
        if folder.name == ".hydra" or any((folder / name).exists() for name in RECORDS):
            run = folder.parent if folder.name == ".hydra" else folder
            problem = f"--config-path {folder}: holds what a run or a sweep left, which is data and no config"
            found.append(Mistake("", problem, f"{quoted('resume', run)}, or {quoted('test', run)}"))
    return found


def _secret(key: str, value: object) -> Mistake:
    problem = "had a password, which is not kept on disk; type the whole address again, or take it from the environment"
    remedy = quoted(key, str(value).replace(MASK, "${oc.env:LOGIN}", 1))
    return Mistake(key, problem, f"export LOGIN=USER:PASSWORD, then {remedy}", value)


def _reaches_out(key: str, value: object) -> bool:
    """Return whether a setting reads the environment or another setting, or says where something is sent or kept."""
    if isinstance(value, list):
        return any(_reaches_out(key, item) for item in value)
    if isinstance(value, Mapping):
        return any(_reaches_out(key, item) for item in value.values())
    named = key.endswith("_target_") or (key in ADDRESSES and value is not None)
    return named or (isinstance(value, str) and INTERPOLATION.search(value) is not None)


def _shipped(conf: Path, key: str) -> object:
    """The shipped default of an address; None for another key."""
    if key not in ADDRESSES:
        return None
    name, place = ADDRESSES[key]
    defaults = yaml.safe_load((conf / name).read_text(encoding="utf-8"))
    return at(defaults, place) if is_there(defaults, place) else None
