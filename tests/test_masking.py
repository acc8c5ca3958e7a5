"""Passwords in URLs are masked wherever text leaves the process; interpolations hold none and stay."""

import logging
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lab.errors import Mistake, in_a_block
from lab.masking import MaskingFormatter, from_environment, is_masked, mask_files, masked, masked_arguments, masked_tree
from lab.record import RunFolder, plain


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://u:PW@h/db", "postgresql://***@h/db"),
        ("postgresql+psycopg://u:p%40w@h:5432/db", "postgresql+psycopg://***@h:5432/db"),
        ("sweep.storage=mysql://u:p/w#1@h/db -m", "sweep.storage=mysql://***@h/db -m"),
        ("https://TOKEN@api.example.org/x", "https://***@api.example.org/x"),
        ("two http://a:b@c and http://d:e@f", "two http://***@c and http://***@f"),
        ("postgresql://h/db?user=u&password=PW&x=1", "postgresql://h/db?user=u&password=***&x=1"),
        ("'http://u:pw@h'", "'http://***@h'"),
        (r"x=postgresql\://u\:PW@h/db", r"x=postgresql\://***@h/db"),
    ],
)
def test_user_information_is_masked(text: str, clean: str) -> None:
    assert masked(text) == clean
    assert masked(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://${oc.env:DB_USER}:${oc.env:DB_PASSWORD}@h/db",
        "postgresql://h/db?password=${oc.env:PW}",
        "sqlite:///a/b@c.db",
        "sqlite:///mlflow.db",
        "https://example.org/@someone",
        "a@b.org",
        "data.path=x@y.csv",
    ],
)
def test_what_holds_no_secret_stays(text: str) -> None:
    assert masked(text) == text
    assert not is_masked(text)


def test_a_masked_value_is_known() -> None:
    assert is_masked("http://***@h")
    assert is_masked("http://h?token=***")
    assert not is_masked("***")
    assert not is_masked(5)


def test_records_messages_logs_and_files_are_masked(tmp_path: Path) -> None:
    secret = "http://u:PW@h"
    assert masked_tree({"a": [secret, 1], "b": {"c": secret}}) == {"a": ["http://***@h", 1], "b": {"c": "http://***@h"}}
    assert "PW" not in str(plain({"command": f"python train.py x={secret}", "path": [secret]}))
    assert "PW" not in in_a_block([Mistake("sweep.storage", "wrong", f"sweep.storage={secret}", secret)])
    record = logging.LogRecord("lab", logging.INFO, "", 0, "to %s", (secret,), None)
    assert MaskingFormatter("%(message)s").format(record) == "to http://***@h"
    (tmp_path / "overrides.yaml").write_text(f"- logger.mlflow.tracking_uri={secret}\n")
    mask_files(tmp_path)
    assert (tmp_path / "overrides.yaml").read_text() == "- logger.mlflow.tracking_uri=http://***@h\n"
    run = RunFolder(tmp_path)
    run.start(command=f"python train.py logger.mlflow.tracking_uri={secret}")
    assert "PW" not in (tmp_path / "run.json").read_text()


def test_the_command_line_is_masked_only_for_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["train.py", "logger.mlflow.tracking_uri=http://u:PW@h"]
    monkeypatch.setattr(sys, "argv", typed)
    with masked_arguments():
        assert sys.argv[1] == "logger.mlflow.tracking_uri=http://***@h"
    assert sys.argv is typed


def test_what_comes_from_the_environment_is_named_also_by_way_of_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", "s3cret")
    config = OmegaConf.create(
        {
            "name": "${oc.env:LAB_SECRET}",
            "logger": {"project": "${name}", "uri": "http://${oc.env:LAB_SECRET}@h", "other": "${plain}"},
            "plain": "x",
            "tags": ["a", "${oc.env:LAB_SECRET,none}"],
            "nothing": None,
        }
    )
    assert from_environment(config) == {
        "name": "${oc.env:LAB_SECRET}",
        "logger.project": "${name}",
        "logger.uri": "http://${oc.env:LAB_SECRET}@h",
        "tags.1": "${oc.env:LAB_SECRET,none}",
    }
