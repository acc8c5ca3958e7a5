"""Online with a key, offline without one, whatever was asked first."""

from pathlib import Path

import pytest

from lab.loggers.wandb_mode import has_key, resolve_mode


@pytest.mark.parametrize(
    ("asked", "environment", "key", "mode"),
    [
        ("auto", {}, False, "offline"),
        ("auto", {}, True, "online"),
        ("auto", {"WANDB_MODE": "offline"}, True, "offline"),
        ("auto", {"WANDB_MODE": "disabled"}, True, "disabled"),
        ("auto", {"WANDB_MODE": "dryrun"}, True, "offline"),
        ("online", {"WANDB_MODE": "offline"}, False, "online"),
        ("offline", {}, True, "offline"),
        ("disabled", {}, True, "disabled"),
    ],
)
def test_mode(asked: str, environment: dict[str, str], key: bool, mode: str) -> None:
    assert resolve_mode(asked, environment, key) == mode


def test_key_from_the_environment_or_netrc(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine api.wandb.ai login user password " + "0" * 40 + "\n")
    here, nowhere = {"NETRC": str(file)}, {"NETRC": str(tmp_path / "none")}
    assert has_key({"WANDB_API_KEY": "0" * 40} | nowhere)
    assert has_key(here)
    assert not has_key(nowhere)
    assert not has_key(here | {"WANDB_BASE_URL": "https://wandb.example.org"})
    file.write_text("machine\n")
    assert not has_key(here)
    assert "cannot be read" in caplog.text
