"""The recipes of docs/recipes: their commands in order, and the output that they show.

    python tests/recipe_pages.py NAME ...     runs recipes and puts their output into the pages of both languages

A ```bash block is a list of commands, one a line (or more, with a backslash at the end of a line); a comment that ends
with `exit code 2` marks a request that is refused, and 3 predictions of which some rows have none. A ```text block is
output of the block above it. A shown line is expected in the output by its words: numbers and the width of tables may
differ between machines, words may not.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGLISH, SPANISH = ROOT / "docs" / "recipes", ROOT / "docs" / "es" / "recipes"
NAMES = sorted(path.stem for path in ENGLISH.glob("*.md"))
COPIED = ("benchmarks", "conf", "examples", "src", "pyproject.toml", "*.py")
EXIT_CODE = re.compile(r"# (?:exit code|código de salida) (\d+)$")
REFUSED = re.compile(r"# (exit code|código de salida) 2$")
PREAMBLE = """set -uo pipefail
trap 'kill $(jobs -p) 2>/dev/null' EXIT
ended() { test "$1" -eq "$2" || { echo "exit code $1, not $2: $3"; exit 1; }; }
"""


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of the fenced blocks of a page, in order."""
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        yield match[1], match[2]


def commands(block: str) -> list[str]:
    """The commands of a block, with their comments."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]


def without_comment(command: str) -> str:
    return re.sub(r"\s+#.*", "", command)


def code(text: str) -> list[tuple[str, list[str]]]:
    """What the pages of both languages share: commands without comments, and shown output."""
    return [
        (kind, [without_comment(line) for line in commands(block)] if kind == "bash" else block.splitlines())
        for kind, block in blocks(text)
    ]


def script(text: str) -> str:
    """All commands of a page as a script of bash that ends at the first surprise and marks the end of each block."""
    lines = [PREAMBLE]
    for number, block in enumerate(block for kind, block in blocks(text) if kind == "bash"):
        for command in commands(block):
            code = EXIT_CODE.search(command)
            expected = int(code[1]) if code else 0
            plain = without_comment(command)
            lines.append(plain if plain.endswith("&") else f"{plain}\nended $? {expected} {shlex.quote(plain)}")
        lines.append(f"echo '@@@ {number}'")
    return "\n".join(lines)


def copy(folder: Path) -> None:
    """What a recipe needs of a clone."""
    for pattern in COPIED:
        for path in ROOT.glob(pattern):
            take = shutil.copytree if path.is_dir() else shutil.copy2
            take(path, folder / path.name)


def outputs(text: str, folder: Path, limit_s: int = 3600) -> list[list[str]]:
    """Run the commands of a page in a copy at `folder`; return the lines that each block wrote. AssertionError where a
    command ended otherwise than the page says."""
    copy(folder)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(folder / "src"),
        "LAB_CACHE": str(folder / "cache"), "COLUMNS": "100", "WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", script(text)], cwd=folder, env=environment, timeout=limit_s, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    undated = re.sub(r"^\[[-\d]+ [:,\d]+\]\[\w+\] ", "", done.stdout, flags=re.M)
    return [part.splitlines() for part in re.split(r"^@@@ \d+\n", undated, flags=re.M)[:-1]]


def shape(line: str) -> str:
    """A line without its numbers and its widths."""
    return re.sub(r"[─—-]+", "-", " ".join(re.sub(r"[-+−]?\d*[.,:]?\d+", "#", line).split()))


def shown(text: str) -> Iterator[tuple[int, list[str]]]:
    """The number of a ```bash block and the lines that the page shows of its output; `...` stands for others."""
    number = -1
    for kind, block in blocks(text):
        number += kind == "bash"
        if kind == "text":
            yield number, [line for line in block.splitlines() if line.strip() not in ("", "...")]


def renewed(text: str, written: list[list[str]]) -> str:
    """The page with the lines of a run in place of those that it shows."""
    for number, lines in shown(text):
        rest = list(written[number])
        for line in lines:
            real = next((written for written in rest if shape(written) == shape(line)), None)
            if real is None:
                print(f"not written by the commands above: {line}")
                continue
            rest.remove(real)
            text = text.replace(f"\n{line}\n", f"\n{real.rstrip()}\n", 1)
    return text


def main() -> None:
    for name in sys.argv[1:]:
        page = (ENGLISH / f"{name}.md").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            written = outputs(page, Path(folder))
        Path(f"{tempfile.gettempdir()}/{name}.txt").write_text("\n@@@\n".join("\n".join(part) for part in written))
        for language in (ENGLISH, SPANISH):
            path = language / f"{name}.md"
            path.write_text(renewed(path.read_text(encoding="utf-8"), written), encoding="utf-8")


if __name__ == "__main__":
    main()
