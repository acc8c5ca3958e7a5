"""Every `except` that takes any exception is listed here with why: a new one is argued for, not slipped in."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
BROAD = {"Exception", "BaseException"}
REASONS = {
    ("claim.py", "_exit_when_refused"): "Hydra turns exceptions of callbacks into warnings; exits with the traceback",
}
"""(file below src/lab, function): what becomes of the exception."""


def broad_excepts(text: str) -> Iterator[tuple[str, int]]:
    """Function and line of every handler, or `suppress`, of Exception, BaseException or anything at all."""
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = ast.Tuple(node.args)
        else:
            continue
        names = {
            ast.unparse(one) for one in (caught.elts if isinstance(caught, ast.Tuple) else [caught] if caught else [])
        }
        if caught is None or names & BROAD:
            around = [one for one in functions if one.lineno <= node.lineno <= (one.end_lineno or 0)]
            yield (max(around, key=lambda one: one.lineno).name if around else "", node.lineno)


def test_every_broad_except_is_listed_with_its_reason() -> None:
    source = ROOT / "src" / "lab"
    there = {
        (str(path.relative_to(source)), function)
        for path in sorted(source.rglob("*.py"))
        for function, _ in broad_excepts(path.read_text(encoding="utf-8"))
    }
    assert there == set(REASONS)


def test_the_scripts_have_none() -> None:
    assert [list(broad_excepts((ROOT / name).read_text(encoding="utf-8"))) for name in ("train.py", "report.py")] == [
        [],
        [],
    ]


def test_every_form_is_seen() -> None:
    text = """
def one():
    try: pass
    except (OSError, Exception): pass
def two():
    try: pass
    except: pass
def three():
    with contextlib.suppress(BaseException): pass
def four():
    try: pass
    except ValueError: pass
"""
    assert [function for function, _ in broad_excepts(text)] == ["one", "two", "three"]
