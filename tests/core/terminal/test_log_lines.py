"""Lines of the log for the duration of a block."""

import logging
import sys
from pathlib import Path

import pytest

from lab.core.terminal.log_lines import log_lines

log = logging.getLogger("lab.anything")


def test_lines_go_to_the_terminal_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log_lines("%(message)s", "[%(name)s] %(message)s", tmp_path / "train.log"):
        log.info("inside mysql://user:secret@host/x")
    log.info("outside")
    assert capsys.readouterr().err == "inside mysql://***@host/x\n"
    assert (tmp_path / "train.log").read_text() == "[lab.anything] inside mysql://***@host/x\n"


def test_the_root_logger_is_restored_after_an_error(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    with pytest.raises(ValueError, match="planted"), log_lines("%(message)s", "%(message)s", tmp_path / "train.log"):
        raise ValueError("planted")
    assert (list(root.handlers), root.level) == before


def test_a_terminal_that_shows_the_log_already_shows_no_line_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(sys.stderr)])
    with log_lines("%(message)s"):
        log.info("once")
    assert capsys.readouterr().err == "once\n"
