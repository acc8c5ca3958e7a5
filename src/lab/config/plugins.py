"""Modules of other people that a run imports: those that `plugins:` names, and no others.

A plug-in is the import name of a module in the working folder or an installed package, or the name of an entry point
in the group `lab.plugins`. Importing it runs its code, so nothing is imported that the request does not name. The run's
record keeps the version and a hash of its files, since its code decides the results as much as the settings do.
"""

import hashlib
import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, entry_points, packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any, Union

from hydra.core.config_store import ConfigStore
from pydantic_core import PydanticUndefined

from lab.config import key_roles
from lab.config.rules.tasks import GIVES, LABELLED, READS, SERIES
from lab.config.schema import Config
from lab.config.schema.node import Node, nodes_of
from lab.core.errors import Mistake, RequestError, nearest
from lab.core.registry import REGISTRIES, SERIES_NETS, TEXT_ENCODERS, TEXT_SOURCES

GROUP = "lab.plugins"
"""The entry-point group of installed plug-ins."""


@dataclass(frozen=True)
class Plugin:
    """An imported plug-in. sha256: of its Python files; version: of the distribution it comes from, if any."""

    name: str
    module: str
    version: str | None
    sha256: str


_LOADED: dict[str, Plugin] = {}


def load(names: Iterable[str], folder: Path | None = None) -> None:
    """Import the plug-ins that are not imported yet, from `folder` (the working folder) or installed packages.

    Raises RequestError with every name that cannot be imported.
    """
    here = folder or Path.cwd()
    mistakes = [mistake for name in dict.fromkeys(names) if (mistake := _load(name, here)) is not None]
    if mistakes:
        raise RequestError(mistakes)
    extend_groups()


def loaded(names: Iterable[str]) -> list[Plugin]:
    """The imported plug-ins of these names, in their order."""
    return [_LOADED[name] for name in names if name in _LOADED]


def record(names: Iterable[str]) -> list[dict[str, str | None]]:
    """The plug-ins of a run as run.json keeps them."""
    return [asdict(plugin) for plugin in loaded(names)]


def is_plugin_module(module: str) -> bool:
    """Return whether a module is an imported plug-in, or lies inside one that is a package."""
    return any(module == plugin.module or module.startswith(f"{plugin.module}.") for plugin in _LOADED.values())


def refuse_changed(recorded: Iterable[Mapping[str, Any]], run: Path) -> None:
    """Raises RequestError for each plug-in whose code is not that of a recorded run: its epochs would differ."""
    mistakes = [
        Mistake("plugins", f"{name} has changed since this run, whose other epochs were trained by the code of then",
                "bring its files back as they were, or start a new run", run)
        for name in changed(recorded)
    ]  # fmt: skip
    if mistakes:
        raise RequestError(mistakes)


def changed(recorded: Iterable[Mapping[str, Any]]) -> list[str]:
    """The plug-ins of a record that are not imported, or whose files are not those of then."""
    now = {name: plugin.sha256 for name, plugin in _LOADED.items()}
    return [str(entry["name"]) for entry in recorded if now.get(str(entry["name"])) != entry["sha256"]]


def _load(name: str, folder: Path) -> Mistake | None:
    if name in _LOADED:
        return None
    if name.partition(".")[0] in sys.stdlib_module_names:  # its classes would start programs and write files
        return Mistake("plugins", "is a module of Python itself, and no plug-in", f"leave out {name}", name)
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    module = installed[name].module if name in installed else name
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        imported = importlib.import_module(module)
        if name in installed:
            installed[name].load()
    except ModuleNotFoundError as error:
        if error.name != module and not module.startswith(f"{error.name}."):
            return Mistake("plugins", f"{name} needs the package {error.name}, which is not installed", "", name)
        return _not_found(name, installed, folder)
    except Exception as error:  # noqa: BLE001  importing runs the plug-in's own code
        return Mistake("plugins", f"{name} cannot be imported: {type(error).__name__}: {error}", "", name)
    _LOADED[name] = Plugin(name, module, _version(module), _hash(imported))
    return None


def _not_found(name: str, installed: Iterable[str], folder: Path) -> Mistake:
    files = [path.stem for path in folder.glob("*.py")]
    packages = [path.parent.name for path in folder.glob("*/__init__.py")]
    near = nearest(name, [*files, *packages, *installed])
    problem = f"there is no module of this name in {folder}, installed, or among the entry points {GROUP!r}"
    return Mistake("plugins", problem, f"'plugins=[{near or 'MODULE'}]'", name)


def _version(module: str) -> str | None:
    distributions = packages_distributions().get(module.partition(".")[0], [])
    try:
        return version(distributions[0]) if distributions else None
    except PackageNotFoundError:
        return None


def _hash(module: ModuleType) -> str:
    """SHA-256 over the names and bytes of a module's Python files; of a package all that lie in its folder."""
    file = Path(module.__file__ or "")
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(str(path.relative_to(file.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


TASKS = {TEXT_ENCODERS.family: LABELLED, SERIES_NETS.family: SERIES, TEXT_SOURCES.family: LABELLED}
"""What parts of a family read or give."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "model": {"lr": 1e-3, "epochs": 10, "weight_decay": 0.01, "label_smoothing": 0.0, "logit_adjustment": 0.0},
    "data": {"defaults": ["_columns", "_self_"]},
    "optimizer": {"lr": "${peft.lr}", "weight_decay": "${model.weight_decay}", "layer_decay": 1.0, "head_lr": None},
    "scheduler": {},
    "loss": {
        "head_weights": None,
        "class_weights": "auto",
        "logit_adjustment": "${model.logit_adjustment}",
        "head_weighting": "fixed",
    },
}
"""Defaults of settings that a plug-in's class leaves open."""
BLANK = "???"


def extend_groups() -> None:
    """Add the registered settings classes that their groups do not have yet. Costs some 10 ms for a new one."""
    for registry in REGISTRIES:
        for name, settings in registry.settings.items():
            if registry.group is not None and _extend(registry.group, name, settings):
                task = TASKS.get(registry.family)
                if task is None:
                    continue
                if registry.group == "data":
                    GIVES[name] = task
                else:
                    READS[name] = (task,)


def _extend(group: str, name: str, settings: type[Node]) -> bool:
    field = Config.model_fields[group]
    if settings in nodes_of(field.annotation):
        return False
    if not isinstance(settings, type) or not any(issubclass(settings, base) for base in _bases(group)):
        raise TypeError(f"the settings of {name} must be a subclass of the schema class of its family")
    union: Any = Union[field.annotation, settings]  # noqa: UP007  made at run time
    field.annotation = union
    Config.model_rebuild(force=True)
    key_roles.keys.cache_clear()
    ConfigStore.instance().store(group=group, name=name, node=_defaults(group, name, settings), provider="lab.plugins")
    return True


def _bases(group: str) -> list[type[Node]]:
    """The classes above those of the group's own kinds."""
    own = nodes_of(Config.model_fields[group].annotation)
    return [base for node in own for base in node.__mro__ if base is not Node and issubclass(base, Node)]


def _defaults(group: str, name: str, settings: type[Node]) -> dict[str, Any]:
    """The choice as Hydra composes it; a key without a default has to be typed."""
    node: dict[str, Any] = dict(DEFAULTS[group]) | {"kind": name}
    if "name" in settings.model_fields:
        node["name"] = name
    for key, field in settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if key != "kind" and default is not PydanticUndefined:
            node[key] = list(default) if isinstance(default, tuple) else default
        elif field.is_required() and key not in node and group != "data":
            node[key] = BLANK
    return node
