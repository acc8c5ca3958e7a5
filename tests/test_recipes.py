"""The recipes: every command of every page, both languages, is a sound request, and every message that a page shows has
words that the code still has (quick); each recipe runs from its first command to its last in a copy of the project and
writes what its page shows (slow)."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lab.cli.command_line import Typed, parse, plugins_of
from lab.cli.compose import search_path
from lab.cli.validate_overrides import mistakes
from lab.config import plugins
from lab.config.check import check, check_export, check_predict, check_report, check_serve
from lab.core.errors import Mistake
from lab.report.text.translate import catalogue
from lab.sweep.definition.load import mistakes as sweep_mistakes
from tests.recipe_pages import (
    ENGLISH,
    NAMES,
    REFUSED,
    ROOT,
    SPANISH,
    blocks,
    code,
    commands,
    outputs,
    shape,
    shown,
    without_comment,
)

CHECKS = {
    "train.py": ("config", check),
    "predict.py": ("predict", check_predict),
    "report.py": ("report", check_report),
    "serve.py": ("serve", check_serve),
    "export.py": ("export", check_export),
}
PAGES = {f"{path.parent.parent.name}-{path.stem}": path.read_text(encoding="utf-8")
         for folder in (ENGLISH, SPANISH) for path in sorted(folder.glob("*.md"))}  # fmt: skip
REQUESTS = sorted(
    {
        line.removesuffix("&").strip()
        for page in PAGES.values()
        for kind, block in blocks(page)
        if kind in ("bash", "sh")
        for command in commands(block)
        for line in re.split(r" [|>] ", without_comment(command))
        if re.match(r"python (\w+)\.py", line) and not REFUSED.search(command)
    }
)


@pytest.fixture
def winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the recipe of a study's winner, which the commands of a page write; beside it, the examples."""
    folder = tmp_path / "winner"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "best.yaml").write_text("# @package _global_\n")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("line", REQUESTS)
def test_a_command_is_a_sound_request(line: str, winner: Path) -> None:
    _, command, *words = shlex.split(line)
    if "--config-dir" in words and not Path(words[words.index("--config-dir") + 1]).is_dir():
        words[words.index("--config-dir") + 1] = str(winner)
    typed = parse([command, *(word for word in words if not re.match(r"(test|resume)=", word))])
    name, checked = CHECKS[command]
    plugins.load(plugins_of(typed), ROOT)
    assert mistakes(typed, ROOT / "conf", name, checked) == []
    assert not typed.multirun or of_study(typed) == []


def of_study(typed: Typed) -> list[Mistake]:
    """The mistakes of a study, which a command of a page reads before its first trial."""
    with initialize_config_dir(str(ROOT / "conf"), job_name="train"):
        loader = GlobalHydra.instance().config_loader()
        return sweep_mistakes(loader, "config", [*search_path(typed), *typed.overrides])


def test_a_wrong_study_is_refused() -> None:
    typed = parse(["train.py", "-m", "sweep=text", "sweep.sampling_algorithm=bayes"])
    assert [mistake.key for mistake in of_study(typed)] == ["sweep.sampling_algorithm.type"]


@cache
def texts_of_the_code() -> str:
    """Every literal text of the sources, and the English texts of the report, one a line."""
    texts = {" ".join(text.split()) for text in catalogue("en").values()}
    for path in (ROOT / "src" / "lab").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        texts |= {" ".join(n.value.split()) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return "\n".join(texts)


def worded(line: str) -> Iterator[str]:
    """The stretches of four or more words of a shown line, between its values (numbers, keys, paths, quoted texts)."""
    line = re.sub(r"^\s*\S+: ", "", line.replace("'s ", "s "))
    for part in re.split(r"'[^']*'|\"[^\"]*\"|\S*[\d=/_$\[\]|{}]\S*|NaN|;", line):
        words = part.strip(" .,;:()").split()
        if len(words) >= 4:
            yield " ".join(words)


def is_of_the_code(stretch: str) -> bool:
    """Whether the code has these words; the first and the last of them may be values."""
    words, texts = stretch.split(), texts_of_the_code().replace("'s ", "s ")
    parts = (words, words[1:], words[:-1], words[1:-1])
    return any(" ".join(part).strip(" .,;:()") in texts for part in parts)


@pytest.mark.parametrize("page", PAGES)
def test_a_shown_message_has_words_of_the_code(page: str) -> None:
    """A message that was reworded fails here, and not only in the slow test that runs the recipe."""
    lines = [line for kind, block in blocks(PAGES[page]) if kind == "text" for line in block.splitlines()]
    stretches = [stretch for line in lines for stretch in worded(line)]
    assert [stretch for stretch in stretches if not is_of_the_code(stretch)] == []


def test_a_reworded_message_is_noticed() -> None:
    (stretch,) = worded("  data.path=avisos.csv: is not utf-8 (14 of 31 lines belong to another one: line 2, 3)")
    assert stretch == "lines belong to another one: line"
    assert not is_of_the_code(stretch)


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_commands_and_output(name: str) -> None:
    assert code(PAGES[f"es-{name}"]) == code(PAGES[f"docs-{name}"])


def test_every_recipe_is_there_in_both_languages() -> None:
    assert sorted(path.stem for path in SPANISH.glob("*.md")) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_runs_and_writes_what_its_page_shows(name: str, tmp_path: Path) -> None:
    page = PAGES[f"docs-{name}"]
    written = outputs(page, tmp_path / "clone")
    for number, lines in shown(page):
        said = {shape(line) for line in written[number]}
        assert [line for line in lines if shape(line) not in said] == []
