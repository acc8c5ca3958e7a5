"""What plug-ins register in this process, taken back after the test module that loaded them.

A plug-in adds parts to registries, choices to groups and classes to the schema. Another test module of the same process
would see them: `model=betto` would be compared with one choice more.
"""

import re
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore

from lab.config import key_roles, plugins
from lab.config.rules.tasks import GIVES, READS
from lab.config.schema import Config
from lab.core import registry
from lab.core.registry import REGISTRIES, Registry

SOURCE = Path(__file__).parent.parent / "src"
_before: list[Any] = []
"""The state before the first plug-in of this test module; empty where none was loaded."""


def load(names: Iterable[str], folder: Path | None = None) -> None:
    """Load plug-ins as `lab.config.plugins` does, until `forget` is called."""
    names = list(names)
    if names and not _before:
        _import_parts_of_lab()
        groups = {each.group for each in REGISTRIES if each.group is not None}
        parts = [(each, dict(each._parts), dict(each.settings)) for each in REGISTRIES]
        types = {group: Config.model_fields[group].annotation for group in groups}
        _before.extend([parts, types, dict(GIVES), dict(READS), dict(plugins._LOADED)])
    plugins.load(names, folder)


def forget() -> None:
    """Bring back the state before the first `load`. Modules that registered something are imported anew next time."""
    if not _before:
        return
    parts, types, gives, reads, loaded = _before
    for each, named, settings in parts:
        for name in set(each.settings) - set(settings):
            ConfigStore.instance().repo[each.group].pop(f"{name}.yaml", None)
        _set(each._parts, named)
        _set(each.settings, settings)
    for group, annotation in types.items():
        Config.model_fields[group].annotation = annotation
    Config.model_rebuild(force=True)
    key_roles.keys.cache_clear()
    _set(GIVES, gives)
    _set(READS, reads)
    for plugin in plugins._LOADED.values():
        module = sys.modules.get(plugin.module)
        if plugin.name not in loaded and any(isinstance(value, Registry) for value in vars(module or object).values()):
            del sys.modules[plugin.module]
    _set(plugins._LOADED, loaded)
    _before.clear()


def _set(mapping: Any, content: Any) -> None:
    mapping.clear()
    mapping.update(content)


def _import_parts_of_lab() -> None:
    """Import every module of lab that registers parts at its import, so that those are not taken back."""
    names = "|".join(name for name, value in vars(registry).items() if any(value is each for each in REGISTRIES))
    for path in sorted((SOURCE / "lab").rglob("*.py")):
        if re.search(rf"\b(?:{names})\.register\(", path.read_text(encoding="utf-8")):
            import_module(".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"))
