"""What every command shares: endings before Hydra is called become exit codes."""

import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main as cli
from lab.cli.main import Command, main
from lab.core.errors import EXIT_INTERRUPTED, EXIT_REQUEST, Mistake

CONF = Path("conf").absolute()


@pytest.fixture(autouse=True)
def _process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    handler, hook = signal.getsignal(signal.SIGTERM), threading.excepthook
    monkeypatch.setattr(cli.streams, "settle", lambda: None)
    monkeypatch.setattr(sys, "argv", ["train.py", "seed=1"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    yield
    signal.signal(signal.SIGTERM, handler)
    threading.excepthook = hook


def _never() -> None:
    raise AssertionError("Hydra's entry was called")


def test_a_stop_during_the_checks_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> list[Mistake]:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.validate_overrides, "mistakes", stopped)
    assert main(Command(_never, CONF)) == EXIT_INTERRUPTED


def test_a_wrong_request_never_reaches_hydra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.validate_overrides, "mistakes", lambda *_: [Mistake("seed", "is odd", "seed=2", 1)])
    assert main(Command(_never, CONF)) == EXIT_REQUEST
    assert "try: seed=2" in capsys.readouterr().err
