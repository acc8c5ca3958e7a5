"""What draws and reads for the site: the pictures of docs/architecture.md are up to date, doctests become code."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def extension(name: str) -> ModuleType:
    """A module of docs/extensions, which is no package."""
    spec = spec_from_file_location(name, ROOT / "docs" / "extensions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WALKS = extension("walks")


@pytest.mark.parametrize("name", WALKS.WALKS)
def test_a_picture_is_up_to_date_and_names_modules_that_exist(name: str) -> None:
    walk = WALKS.WALKS[name]
    picture = ROOT / "docs" / "img" / f"walk_{name}.svg"
    assert picture.read_text(encoding="utf-8") == WALKS.drawn(walk)
    modules = [ROOT / "src" / "lab" / step.place for step in walk.steps if not step.place.startswith("> ")]
    assert [module for module in modules if not module.is_dir() and not module.with_suffix(".py").is_file()] == []


def test_rows_of_boxes_run_to_and_fro() -> None:
    xs = [WALKS.position(number)[0] for number in range(2 * WALKS.PER_ROW)]
    assert xs == [*xs[: WALKS.PER_ROW], *reversed(xs[: WALKS.PER_ROW])]


def test_a_doctest_becomes_a_block_of_code_and_text_stays() -> None:
    pytest.importorskip("griffe", reason="griffe is in the extra `docs`")
    fenced = extension("doctests").fenced
    assert fenced("Adds.\n\n>>> 1 + 1\n2\n\nMore.") == "Adds.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore."
    assert fenced("No test.") == "No test."
