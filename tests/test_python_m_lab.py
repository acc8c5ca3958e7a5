"""`python -m lab`: the commands by name."""

import sys
from pathlib import Path

import pytest

import lab.commands
import lab.commands.report
from lab.__main__ import COMMANDS, main
from lab.core.errors import EXIT_DONE, EXIT_REQUEST


def test_every_module_of_the_room_is_a_command() -> None:
    modules = {path.stem for path in Path(lab.commands.__path__[0]).glob("*.py")}
    assert set(COMMANDS) == modules - {"__init__"}


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["__main__.py", flag])
    assert main() == EXIT_DONE
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"python -m lab {name}" not in shown] == []


@pytest.mark.parametrize(
    ("words", "remedy"),
    [([], "python -m lab train"), (["repotr"], "python -m lab report"), (["x"], "python -m lab train")],
)
def test_no_command_is_a_wrong_request(
    words: list[str], remedy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["__main__.py", *words])
    assert main() == EXIT_REQUEST
    shown = capsys.readouterr().err
    assert f"try: {remedy}\n" in shown
    assert all(name in shown for name in COMMANDS)


def test_a_command_gets_its_words_and_returns_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["__main__.py", "report", "runs=outputs"])
    monkeypatch.setattr(lab.commands.report, "main", lambda: 7)
    assert main() == 7
    assert sys.argv == ["python -m lab report", "runs=outputs"]
