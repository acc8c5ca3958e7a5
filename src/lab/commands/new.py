"""Make a project of one's own: a plug-in, a recipe, a small data set, a test and a workflow for CI.

`lab-new my_project` and `python -m lab new my_project`.
"""

import argparse
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lab.core.errors import EXIT_DONE, EXIT_REQUEST, Mistake, in_a_block
from lab.core.terminal import display

TEMPLATE = Path(__file__).parent / "template"
FILES = {
    "README.md.txt": "README.md",
    "plugin.py.txt": "{name}.py",
    "experiment.yaml.txt": "conf/experiment/{name}.yaml",
    "test_project.py.txt": "tests/test_{name}.py",
    "workflow.yml.txt": ".github/workflows/test.yml",
    "gitignore.txt": ".gitignore",
}
"""The place of each file of the template in the project; {name} is the name of the project."""
DATA = "data/reports.csv"
_TAKEN = {"conf", "data", "lab", "outputs", "multirun", "report", "tests", "test", *sys.stdlib_module_names}
_PARTS = (("pump", "leak", "oil"), ("motor", "noise", "bearing"), ("panel", "spark", "cable"))


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    parser = argparse.ArgumentParser(prog="lab-new", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the project, which must not exist or be empty")
    folder = parser.parse_args().folder
    if mistakes := list(_mistakes(folder)):
        display.complain(in_a_block(mistakes))
        return EXIT_REQUEST
    name = folder.resolve().name
    write(folder, name)
    screen = display.Screen()
    screen.write(f"{folder} is a project of its own. Next:\n\n  cd {folder}\n")
    screen.write(f"  lab-train 'plugins=[{name}]' --config-dir conf experiment={name}\n\nREADME.md has more.\n")
    return EXIT_DONE


def write(folder: Path, name: str) -> None:
    """Write the files of a project into `folder`, which is made. name: of its module, its model and its recipe."""
    texts = {place: (TEMPLATE / source).read_text(encoding="utf-8") for source, place in FILES.items()}
    texts[DATA] = "".join(_rows())
    for place, text in texts.items():
        path = folder / place.replace("{name}", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{name}", name), encoding="utf-8")


def _mistakes(folder: Path) -> Iterator[Mistake]:
    name = folder.resolve().name
    plain = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_") or "my_project"
    plain = f"my_{plain}" if plain[0].isdigit() or plain in _TAKEN or keyword.iskeyword(plain) else plain
    if name != plain:
        problem = "is the name of a Python module, so it has small letters, digits and _, and is not taken"
        yield Mistake("folder", problem, f"lab-new {folder.parent / plain}", name)
    if folder.is_dir() and any(folder.iterdir()):
        yield Mistake("folder", "is not empty", f"lab-new {folder}_2", folder)
    elif folder.exists() and not folder.is_dir():
        yield Mistake("folder", "is a file", f"lab-new {folder}_2", folder)


def _rows() -> Iterator[str]:
    """A table of three classes that a model learns in seconds."""
    yield "text,label\n"
    for number in range(120):
        part, *signs = _PARTS[number % 3]
        yield f"{signs[number % 2]} at the {part} of line {number * 7 % 41},{part}\n"
