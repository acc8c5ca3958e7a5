"""The shape of the code, held by reading every import: rooms import only from rooms to their left, without circles.

Also: no module lies loose in the root, at most 14 files a folder, a header on every module, a docstring on every public
name, and rooms that must start fast stay free of heavy libraries.
"""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lab"
ORDER = (
    ("core",),
    ("config",),
    ("cli", "early_termination"),
    ("data", "models", "sweep", "report", "loggers"),
    ("callbacks",),
    ("training",),
    ("inference",),
    ("export",),
    ("serving",),
    ("commands",),
    ("api",),
)
"""Rooms from the first to the last; rooms in one row never import each other."""
PLACE = {room: number for number, row in enumerate(ORDER) for room in row}
HEAVY = {"lightning", "pytorch_lightning", "transformers", "torch", "torchmetrics"}
LIGHT = {"core", "config", "cli", "early_termination", "report", "sweep"}
TORCH_OF_OURS = "lab.core.batches"
"""The one module of a light room that needs torch; no other light module may import it."""
MOST_FILES = 14
UNDOCUMENTED_ROOMS: frozenset[str] = frozenset()
"""Rooms whose public names need not all have a docstring yet."""


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
    if path == "__main__.py":
        return result
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
    result += [f"{line}: a possessive group, which Python before 3.11.5 matches wrongly" for line in _possessive(tree)]
    return list(dict.fromkeys(result))


def _possessive(tree: ast.Module) -> list[int]:
    """The lines of texts with a quantifier such as `)*+`."""
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.lineno for node in texts if re.search(r"\)[*+?]\+", str(node.value))]


def _root_faults(tree: ast.Module) -> list[str]:
    """The root has the version, and the names of the API, which it imports on first use: the import of lab is cheap."""
    names = {ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)}
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    kinds = {type(node) for node in tree.body[1:]} - {ast.Assign, ast.FunctionDef, ast.If}
    sources = {name for _, name in imports(tree)} - {"lab"}
    allowed = names <= {"__version__", "__all__", "TYPE_CHECKING"} and functions <= {"__getattr__", "__dir__"}
    of_api = all(name == "lab.api" or name.startswith("lab.api.") for name in sources)
    return [] if allowed and of_api and not kinds else ["1: the root __init__ holds more than version and API"]


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


def undocumented(sources: Mapping[str, str]) -> list[str]:
    """Public names without a docstring: classes and functions of a module, and methods; sources: dotted name -> text.

    An override needs none where a base class documents the method; bases from other packages are imported.
    """
    trees = {module: ast.parse(text) for module, text in sources.items()}
    classes = {
        f"{module}.{node.name}": node for module, tree in trees.items() for node in _definitions(tree, ast.ClassDef)
    }
    names = {module: _imported_names(tree) for module, tree in trees.items()}

    def resolved(module: str, name: str) -> str:
        """The full name of what is called `name` in `module`, through imports and re-exports."""
        head, _, rest = name.partition(".")
        full = names[module].get(head, f"{module}.{head}") + (f".{rest}" if rest else "")
        origin, _, last = full.rpartition(".")
        return full if full in classes or origin == module or origin not in trees else resolved(origin, last)

    def documents(base: str, method: str) -> bool:
        if base not in classes:
            overridden = getattr(_imported(base), method, None)
            return overridden is not None and bool(overridden.__doc__)
        module = base.rpartition(".")[0]
        own = [node for node in _definitions(classes[base], ast.FunctionDef) if node.name == method]
        return any(map(ast.get_docstring, own)) or any(
            documents(resolved(module, _base_name(expression)), method) for expression in classes[base].bases
        )

    result = []
    for module, tree in trees.items():
        public = [node for node in _definitions(tree, ast.ClassDef, ast.FunctionDef) if not node.name.startswith("_")]
        result += [f"{module}.{node.name}" for node in public if not ast.get_docstring(node)]
        for owner in (node for node in public if isinstance(node, ast.ClassDef)):
            bases = [resolved(module, _base_name(expression)) for expression in owner.bases]
            result += [
                f"{module}.{owner.name}.{name}"
                for name in _undocumented_methods(owner)
                if not any(documents(base, name) for base in bases)
            ]
    return result


def _definitions(owner: ast.Module | ast.ClassDef, *kinds: type) -> list[Any]:
    return [node for node in owner.body if isinstance(node, kinds)]


def _undocumented_methods(owner: ast.ClassDef) -> list[str]:
    """A name counts once: an overload or a setter needs no docstring of its own."""
    methods = [node for node in _definitions(owner, ast.FunctionDef) if not node.name.startswith("_")]
    documented = {node.name for node in methods if ast.get_docstring(node)}
    return list(dict.fromkeys(node.name for node in methods if node.name not in documented))


def _imported_names(tree: ast.Module) -> dict[str, str]:
    result: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                result[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom):
            result |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return result


def _base_name(expression: ast.expr) -> str:
    """The name of a base class without its type arguments."""
    return ast.unparse(expression.value if isinstance(expression, ast.Subscript) else expression)


def _imported(name: str) -> Any:
    """An object of another package; None for a builtin or what cannot be named from outside."""
    module, _, attribute = name.rpartition(".")
    return None if module.startswith("lab.") else getattr(importlib.import_module(module), attribute, None)


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


SOURCES = {
    "lab." + module.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (SOURCE / module).read_text()
    for module in MODULES
    if module != "__init__.py"
}


def test_no_circle_of_imports() -> None:
    assert circles(SOURCES) == []


def test_every_public_name_has_a_docstring() -> None:
    assert [name for name in undocumented(SOURCES) if name.split(".")[1] not in UNDOCUMENTED_ROOMS] == []


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
        ("__init__.py", "import torch", "1: the root __init__ holds more than version and API"),
        ("__init__.py", "from lab.api import train", "1: the root __init__ holds more than version and API"),
        ("__init__.py", "def __getattr__(name):\n    import lab.training",
         "1: the root __init__ holds more than version and API"),
        ("training/a.py", "from lab.api.run import Run",
         "2: training imports lab.api, which stands beside it or to its right"),
        ("core/a.py", 'PATTERN = re.compile(rf"(?:{A}|b)*+c")',
         "2: a possessive group, which Python before 3.11.5 matches wrongly"),
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
        ("__init__.py", "def __getattr__(name):\n    from lab import api\n    return getattr(api, name)"),
    ],
)
def test_what_the_rule_allows_passes(module: str, text: str) -> None:
    assert faults(module, HEADER + text + "\n") == []


PARENT = '''
"""Header."""
class Base:
    """A base."""
    def compare(self):
        """Compare."""
    def undocumented(self): ...
'''
CHILD = '''
"""Header."""
import logging
from lab.again import Base

class Child(Base):
    def compare(self): ...
    def undocumented(self): ...
    def own(self): ...
    def _private(self): ...
    @property
    def size(self):
        """A number."""
    @size.setter
    def size(self, value): ...

class Handler(logging.Handler):
    """A handler."""
    def emit(self, record): ...
    def other(self): ...

class _Private:
    def method(self): ...

def function(): ...
'''


def test_a_planted_public_name_without_docstring_is_caught() -> None:
    sources = {"lab.parent": PARENT, "lab.again": '"""Header."""\nfrom lab.parent import Base', "lab.child": CHILD}
    assert undocumented(sources) == [
        "lab.parent.Base.undocumented",
        "lab.child.Child",
        "lab.child.function",
        "lab.child.Child.undocumented",
        "lab.child.Child.own",
        "lab.child.Handler.other",
    ]
