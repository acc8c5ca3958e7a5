"""The one rule, held by reading every import: import only from floors below; siblings of one folder may meet.

Also: the root `__init__` holds the version alone, no `from lab import x`, no `utils`, a header on every module, at most
250 lines, and rooms that must start fast stay free of heavy libraries.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lab"
FLOORS = {
    "errors": 0, "batches": 0, "files": 0, "record": 0, "record_fields": 0, "locks": 0, "masking": 0, "seal": 0,
    "streams": 0, "tables": 0, "terminal": 0,
    "schema": 1, "keys": 1, "rules": 1, "config": 1, "request": 1, "resume": 1, "composition": 1, "claim": 1,
    "policies": 1, "blocks": 1, "typed_sweep": 1, "machine_faults": 1, "tracking": 1, "threads": 1, "unknown_keys": 1,
    "bare_words": 1, "composing": 1, "places": 1, "resolving": 1, "searched": 1, "typed_values": 1, "unchanged": 1,
    "links": 1, "recipes": 1, "saved_config": 1,
    "data": 2, "models": 2, "report": 2, "sweep": 2,
    "callbacks": 3, "loggers": 3,
    "run": 4,
}  # fmt: skip
STAIRS = {
    ("record", "files"), ("record", "record_fields"), ("record", "masking"), ("record", "seal"), ("errors", "masking"),
    ("streams", "masking"), ("terminal", "streams"), ("terminal", "tables"),
    ("config", "keys"), ("config", "rules"), ("config", "schema"), ("resume", "keys"),
    ("resume", "request"), ("composition", "keys"), ("composition", "schema"), ("composition", "config"),
    ("composition", "request"),
    ("composition", "typed_sweep"), ("composition", "unknown_keys"), ("unknown_keys", "keys"),
    ("unknown_keys", "schema"), ("unknown_keys", "rules"), ("typed_sweep", "rules"),
    ("typed_sweep", "keys"), ("policies", "blocks"),
    ("bare_words", "request"), ("composition", "bare_words"), ("config", "resolving"), ("config", "typed_values"),
    ("config", "unknown_keys"), ("typed_values", "schema"),
    ("resolving", "keys"), ("resolving", "unknown_keys"), ("composition", "composing"), ("composition", "searched"),
    ("searched", "typed_sweep"), ("places", "schema"), ("resume", "unchanged"), ("unchanged", "composing"),

    ("resume", "links"), ("resume", "resolving"), ("resume", "saved_config"), ("saved_config", "keys"),
    ("saved_config", "schema"), ("saved_config", "request"), ("recipes", "keys"), ("recipes", "request"),
    ("recipes", "saved_config"),
    ("resume", "rules"), ("composing", "rules"), ("composing", "request"),
    ("unchanged", "keys"), ("unchanged", "request"), ("unchanged", "resolving"), ("unchanged", "typed_values"),
}  # fmt: skip
"""Inside floor 0: a file, then the record in it. Inside floor 1:
keys, types and rules, then the check of a config, then of all that was typed."""
HEAVY = {"lightning", "pytorch_lightning", "transformers", "torch", "torchmetrics"}
LIGHT_ROOMS = {
    "report",
    "sweep",
    "errors",
    "files",
    "locks",
    "masking",
    "record",
    "record_fields",
    "seal",
    "streams",
    "tables",
    "terminal",
} | {name for name, floor in FLOORS.items() if floor == 1}
LONGEST = 250


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions too. `from a import b` gives `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield node.lineno, base
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def faults(path: str, text: str) -> list[str]:
    """What is wrong with the module at `path` (relative to `src/lab`, with slashes), each fault with its line."""
    parts = path.removesuffix(".py").split("/")
    room = parts[0]
    tree = ast.parse(text)
    version_lines = {line for line, name in imports(tree) if name == "lab.__version__"}
    found = []
    if "utils" in parts:
        found.append("1: a drawer named utils; name it for the one thing it holds")
    if not ast.get_docstring(tree):
        found.append("1: no header")
    if text.count("\n") > LONGEST:
        found.append(f"{LONGEST}: {text.count(chr(10))} lines, at most {LONGEST}")
    if path == "__init__.py":
        return found + _root_faults(tree)
    if room not in FLOORS:
        return [*found, f"1: {room} is on no floor; give it one in tests/test_floors.py"]
    for line, name in imports(tree):
        target = name.split(".")
        if name.startswith("."):
            found.append(f"{line}: relative import {name}; write it from lab on")
        elif name == "lab" and line not in version_lines:
            found.append(f"{line}: imports the root package; import the room itself")
        elif name.startswith("lab.batches") and room in LIGHT_ROOMS:
            found.append(f"{line}: {room} must stay free of torch, which lab.batches brings along")
        elif target[0] == "lab" and line not in version_lines:
            found += _floor_faults(line, room, len(parts) > 1, target[1])
        elif target[0] in HEAVY and room in LIGHT_ROOMS:
            found.append(f"{line}: {room} must stay free of {target[0]}")
    return list(dict.fromkeys(found))


def _root_faults(tree: ast.Module) -> list[str]:
    rest = tree.body[1:]
    version = [node for node in rest if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"]
    return [] if version == rest else ["1: the root __init__ holds more than the version"]


def _floor_faults(line: int, room: str, is_folder: bool, target: str) -> list[str]:
    if target not in FLOORS:
        return [f"{line}: lab.{target} is on no floor"]
    siblings = is_folder and target == room
    if siblings or (room, target) in STAIRS or FLOORS[target] < FLOORS[room]:
        return []
    return [f"{line}: {room} (floor {FLOORS[room]}) imports lab.{target} (floor {FLOORS[target]})"]


MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_module_keeps_the_rules(module: str) -> None:
    assert faults(module, (SOURCE / module).read_text(encoding="utf-8")) == []


def test_modules_were_found() -> None:
    assert {"errors.py", "record.py", "schema/__init__.py", "loggers/build.py"} <= set(MODULES)


HEADER = '"""Header."""\n'


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        (
            "data/split.py",
            "from lab.models.text_encoder import TextEncoder",
            "2: data (floor 2) imports lab.models (floor 2)",
        ),
        ("models/base.py", "import lab.callbacks.freeze", "2: models (floor 2) imports lab.callbacks (floor 3)"),
        ("batches.py", "from lab.errors import RunError", "2: batches (floor 0) imports lab.errors (floor 0)"),
        ("data/split.py", "def f():\n    from lab.run import train", "3: data (floor 2) imports lab.run (floor 4)"),
        ("data/split.py", "if TYPE_CHECKING:\n    import lab.run", "3: data (floor 2) imports lab.run (floor 4)"),
        ("run.py", "from lab import data", "2: imports the root package; import the room itself"),
        ("schema.py", "import lab.config", "2: schema (floor 1) imports lab.config (floor 1)"),
        ("run.py", "import lab", "2: imports the root package; import the room itself"),
        ("data/split.py", "from .leaks import leaks", "2: relative import .leaks; write it from lab on"),
        ("report/table.py", "import lightning.pytorch as pl", "2: report must stay free of lightning"),
        ("sweep/study.py", "def f():\n    import torch", "3: sweep must stay free of torch"),
        ("report/table.py", "import lab.batches", "2: report must stay free of torch, which lab.batches brings along"),
        ("data/utils.py", "", "1: a drawer named utils; name it for the one thing it holds"),
        ("attic/old.py", "", "1: attic is on no floor; give it one in tests/test_floors.py"),
        ("run.py", "import lab.attic", "2: lab.attic is on no floor"),
        ("__init__.py", "import torch", "1: the root __init__ holds more than the version"),
        ("run.py", "x = 1\n" * LONGEST, f"{LONGEST}: {LONGEST + 2} lines, at most {LONGEST}"),
    ],
)
def test_a_planted_fault_is_caught(module: str, line: str, fault: str) -> None:
    assert fault in faults(module, HEADER + line + "\n")


def test_a_module_without_header_is_caught() -> None:
    assert faults("run.py", "x = 1\n") == ["1: no header"]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("data/split.py", "from lab.data.labels import Labels\nfrom lab.errors import RequestError\nimport torch"),
        ("run.py", "import lab.callbacks.freeze\nfrom lab.report import outcome"),
        ("config.py", "from lab.schema import Config"),
        ("run.py", "from lab import __version__"),
        ("__init__.py", '__version__ = "1.0"'),
    ],
)
def test_what_the_rule_allows_passes(module: str, text: str) -> None:
    assert faults(module, HEADER + text + "\n") == []
