"""The shape of the code, held by reading every import: rooms import only from rooms to their left, without circles.

Also: no module lies loose in the root, at most 14 files a folder, a header on every module, and rooms that must start
fast stay free of heavy libraries.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lab"
ORDER = (
    ("core",),
    ("config",),
    ("cli", "early_termination"),
    ("data", "models", "sweep", "report", "loggers"),
    ("callbacks",),
    ("training",),
)
"""Rooms from the first to the last; rooms in one row never import each other."""
PLACE = {room: number for number, row in enumerate(ORDER) for room in row}
HEAVY = {"lightning", "pytorch_lightning", "transformers", "torch", "torchmetrics"}
LIGHT = {"core", "config", "cli", "early_termination", "report", "sweep"}
TORCH_OF_OURS = "lab.core.batches"
"""The one module of a light room that needs torch; no other light module may import it."""
MOST_FILES = 14


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
    result = []
    if "utils" in parts:
        result.append("1: a module named utils; name it for the one thing in it")
    if not ast.get_docstring(tree):
        result.append("1: no header")
    if path == "__init__.py":
        return result + _root_faults(tree)
    if len(parts) == 1:
        return [*result, f"1: {path} lies loose in the root; put it into a room"]
    if room not in PLACE:
        return [*result, f"1: {room} is no room; give it a place in tests/test_architecture.py"]
    version_lines = {line for line, name in imports(tree) if name == "lab.__version__"}
    for line, name in imports(tree):
        target = name.split(".")
        if name.startswith("."):
            result.append(f"{line}: relative import {name}; write it from lab on")
        elif name == "lab" and line not in version_lines:
            result.append(f"{line}: imports the root package; import the room itself")
        elif target[0] in HEAVY and room in LIGHT and path != "core/batches.py":
            result.append(f"{line}: {room} must stay free of {target[0]}")
        elif name == TORCH_OF_OURS and room in LIGHT:
            result.append(f"{line}: {room} must stay free of torch, which {TORCH_OF_OURS} brings along")
        elif target[0] == "lab" and len(target) > 1 and line not in version_lines:
            result += _direction_faults(line, room, target[1])
    return list(dict.fromkeys(result))


def _root_faults(tree: ast.Module) -> list[str]:
    rest = tree.body[1:]
    version = [node for node in rest if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"]
    return [] if version == rest else ["1: the root __init__ holds more than the version"]


def _direction_faults(line: int, room: str, target: str) -> list[str]:
    if target not in PLACE:
        return [f"{line}: lab.{target} is no room"]
    if room == target or PLACE[target] < PLACE[room]:
        return []
    return [f"{line}: {room} imports lab.{target}, which stands beside it or to its right"]


def circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Groups of modules that import each other, through whatever way; sources: dotted name -> text."""
    graph = {
        name: {target for _, target in imports(ast.parse(text)) if target in sources and target != name}
        for name, text in sources.items()
    }
    reach = {name: _reachable(name, graph) for name in graph}
    groups = {tuple(sorted(other for other in reach[name] if name in reach[other])) for name in graph}
    return [list(group) for group in sorted(groups) if group]


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    result: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in result:
            result.add(name)
            waiting += graph[name]
    return result


TESTS = Path(__file__).parent
LONG = 40
"""A module of more lines that defines a function has a test of its own name beside those of its room."""
MIRRORED_SHARE = 0.9
"""Of such modules; the rest is tested through the modules that use it."""


def needs_its_own_test(text: str) -> bool:
    """True for a long module with behaviour; a schema of fields alone has nothing that a test could call."""
    has_function = any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(text)))
    return has_function and len(text.splitlines()) > LONG


def test_tests_mirror_the_source() -> None:
    long = [
        path.relative_to(SOURCE)
        for path in sorted(SOURCE.rglob("*.py"))
        if path.name != "__init__.py" and needs_its_own_test(path.read_text(encoding="utf-8"))
    ]
    lacking = [str(path) for path in long if not (TESTS / path.parent / f"test_{path.name}").is_file()]
    assert 1 - len(lacking) / len(long) >= MIRRORED_SHARE, f"no test of their own name: {', '.join(lacking)}"


def test_what_needs_its_own_test() -> None:
    declaration = "x: int = 1\n" * 60
    assert not needs_its_own_test(declaration)
    assert needs_its_own_test(declaration + "def f(): ...\n")
    assert not needs_its_own_test("def f(): ...\n")


MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_module_keeps_the_rules(module: str) -> None:
    assert faults(module, (SOURCE / module).read_text(encoding="utf-8")) == []


def test_modules_were_read() -> None:
    assert {"core/errors.py", "config/schema/__init__.py", "loggers/build.py"} <= set(MODULES)


def test_no_circle_of_imports() -> None:
    sources = {
        "lab." + module.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (SOURCE / module).read_text()
        for module in MODULES
        if module != "__init__.py"
    }
    assert circles(sources) == []


def test_a_planted_circle_is_caught() -> None:
    sources = {
        "lab.a": "def f():\n    import lab.b",
        "lab.b": "from lab import c",
        "lab.c": "import lab.a",
        "lab.d": "",
    }
    assert circles({**sources, "lab.d": "import lab.a"}) == [["lab.a", "lab.b", "lab.c"]]


@pytest.mark.parametrize("folder", sorted({str(Path(module).parent) for module in MODULES}))
def test_a_folder_has_few_files(folder: str) -> None:
    names = [module for module in MODULES if str(Path(module).parent) == folder]
    assert len(names) <= MOST_FILES, f"{folder}: {len(names)} files; make a room of some of them"


HEADER = '"""Header."""\n'


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        ("data/a.py", "from lab.models.b import c",
         "2: data imports lab.models, which stands beside it or to its right"),
        ("models/a.py", "import lab.callbacks.freeze",
         "2: models imports lab.callbacks, which stands beside it or to its right"),
        ("data/a.py", "def f():\n    from lab.training import train",
         "3: data imports lab.training, which stands beside it or to its right"),
        ("cli/a.py", "if TYPE_CHECKING:\n    import lab.early_termination.policies",
         "3: cli imports lab.early_termination, which stands beside it or to its right"),
        ("training/a.py", "from lab import data", "2: imports the root package; import the room itself"),
        ("training/a.py", "import lab", "2: imports the root package; import the room itself"),
        ("data/a.py", "from .leaks import leaks", "2: relative import .leaks; write it from lab on"),
        ("report/a.py", "import lightning.pytorch as pl", "2: report must stay free of lightning"),
        ("sweep/study/a.py", "def f():\n    import torch", "3: sweep must stay free of torch"),
        ("report/a.py", "from lab.core import batches",
         "2: report must stay free of torch, which lab.core.batches brings along"),
        ("data/utils.py", "", "1: a module named utils; name it for the one thing in it"),
        ("attic/old.py", "", "1: attic is no room; give it a place in tests/test_architecture.py"),
        ("training/a.py", "import lab.attic", "2: lab.attic is no room"),
        ("loose.py", "", "1: loose.py lies loose in the root; put it into a room"),
        ("__init__.py", "import torch", "1: the root __init__ holds more than the version"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_caught(module: str, line: str, fault: str) -> None:
    assert fault in faults(module, HEADER + line + "\n")


def test_a_module_without_header_is_caught() -> None:
    assert faults("training/a.py", "x = 1\n") == ["1: no header"]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("data/text/a.py", "from lab.data.readers.b import c\nfrom lab.core.errors import RequestError\nimport torch"),
        ("training/a.py", "import lab.callbacks.freeze\nfrom lab.report import outcome\nimport lab.core.batches"),
        ("config/a.py", "from lab.config.schema import Config"),
        ("core/batches.py", "import torch"),
        ("training/a.py", "from lab import __version__"),
        ("__init__.py", '__version__ = "1.0"'),
    ],
)
def test_what_the_rule_allows_passes(module: str, text: str) -> None:
    assert faults(module, HEADER + text + "\n") == []
