"""Online with a key, offline without one, unless the request says otherwise."""

from pathlib import Path

import pytest

from lab.loggers.wandb_run import is_key_set, resolve_mode


@pytest.mark.parametrize(
    ("requested", "environment", "key", "mode"),
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
def test_mode(requested: str, environment: dict[str, str], key: bool, mode: str) -> None:
    assert resolve_mode(requested, environment, key) == mode


def test_key_from_the_environment_or_netrc(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine api.wandb.ai login user password " + "0" * 40 + "\n")
    here, nowhere = {"NETRC": str(file)}, {"NETRC": str(tmp_path / "none")}
    assert is_key_set({"WANDB_API_KEY": "0" * 40} | nowhere)
    assert is_key_set(here)
    assert not is_key_set(nowhere)
    assert not is_key_set(here | {"WANDB_BASE_URL": "https://wandb.example.org"})
    file.write_text("machine\n")
    assert not is_key_set(here)
    assert "cannot be read" in caplog.text
