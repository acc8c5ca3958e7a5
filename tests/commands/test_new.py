"""A new project is complete: its recipe is a sound request, its own test passes, and nothing is overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.command_line import parse
from lab.cli.validate_overrides import mistakes
from lab.commands.new import DATA, FILES, TEMPLATE, main, write
from lab.config.check import check
from lab.config.shipped import CONF

from .. import plugin_state


def new(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lab-new", *words])
    return main()


def test_every_file_of_the_template_has_a_place() -> None:
    assert set(FILES) == {path.name for path in TEMPLATE.iterdir()}


def test_a_project_has_its_name_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert new(monkeypatch, "avisos") == 0
    assert "lab-train 'plugins=[avisos]' --config-dir conf experiment=avisos" in capsys.readouterr().out
    files = [path for path in (tmp_path / "avisos").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "avisos")) for path in files} == {
        DATA, *(place.replace("{name}", "avisos") for place in FILES.values()),
    }  # fmt: skip
    assert [path for path in files if "{name}" in path.read_text(encoding="utf-8")] == []


def test_the_recipe_is_a_sound_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "new_project_recipe")
    monkeypatch.chdir(tmp_path)
    words = ["plugins=[new_project_recipe]", "--config-dir", "conf", "experiment=new_project_recipe", "model.width=8"]
    line = parse(["train.py", *words])
    plugin_state.load(["new_project_recipe"], tmp_path)
    assert mistakes(line, CONF, "config", check) == []


@pytest.mark.slow
def test_the_test_of_the_project_passes(tmp_path: Path) -> None:
    write(tmp_path, "avisos")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [
        ("My-Project", "my_project"), ("3d", "my_3d"), ("json", "my_json"), ("class", "my_class"), ("años", "a_os"),
        ("full", "full_2"), ("file", "file_2"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_a_project_is_refused(
    folder: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    (tmp_path / "file").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    assert new(monkeypatch, folder) == 2
    assert f"try: lab-new {remedy}\n" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert new(monkeypatch, remedy) == 0
