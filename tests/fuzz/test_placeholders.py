"""No message proposes a placeholder (`data.label=OTHER_COLUMN`) for a value that the program can know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "lab"
PLACEHOLDER = re.compile(r"=[\[{\"' ]*([A-Z][A-Z_]{2,})\b|: ([A-Z][A-Z_]{3,})\}")
UNKNOWN = {
    "RUN", "RUN_FOLDER", "ANOTHER_RUN", "THIS_FOLDER", "FOLDER", "FOLDER_WITH_ROOM", "NEW_FOLDER",
    "A_FOLDER_ON_ANOTHER_DISK", "FILE", "DATE", "HOST", "NAME", "USER", "VALUE", "MODULE",
}  # fmt: skip
"""Runs, folders, machines and names that only the person knows."""


def placeholders(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of every placeholder in the strings of a module, docstrings apart."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            for first, second in PLACEHOLDER.findall(node.value):
                yield node.lineno, first or second


def test_placeholders_stand_only_for_what_nobody_else_can_know() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, name in placeholders(path.read_text(encoding="utf-8"))
        if name not in UNKNOWN
    ]
    assert not wrong, wrong


def test_a_placeholder_is_recognised() -> None:
    text = 'Mistake("data.labels", "x", f"data.label={x}, or \'data.labels=[ONE_COLUMN]\'")\n"""y=DOC_STRING"""'
    assert list(placeholders(text)) == [(1, "ONE_COLUMN")]
