"""Passwords in URLs are masked wherever text leaves the process; interpolations hold none and stay."""

import logging
import shlex
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lab.cli.command_line import command, parse
from lab.core.errors import Mistake, in_a_block
from lab.core.masking import from_environment, is_masked, mask_files, masked, masked_arguments, masked_tree
from lab.core.record.run_folder import RunFolder, plain
from lab.core.terminal.streams import Formatter


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
        ("postgresql://u:PW@1@h/db", "postgresql://***@h/db"),
        ("postgresql://u:it'sPW@h/db", "postgresql://***@h/db"),
        ('say postgresql://u:"PW@h/db now', "say postgresql://***@h/db now"),
        ("sweep.storage=postgresql://u:a PW@h/db", "sweep.storage=postgresql://***@h/db"),
        ("mongodb://u:PW@h1,v:PW@h2/db", "mongodb://***@h2/db"),
        ("postgresql:///db?password=it'sPW&x=1", "postgresql:///db?password=***&x=1"),
        ("'x=http://h/?token=PW'", "'x=http://h/?token=***'"),
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
        "http://127.0.0.1:5000 as me@host",
        "https://example.org/@a and a@b",
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
    assert masked_tree("http://u:a PW@h") == "http://***@h"
    assert "PW" not in str(plain({"command": f"python train.py x={secret}", "path": [secret]}))
    assert "PW" not in in_a_block([Mistake("sweep.storage", "wrong", f"sweep.storage={secret}", secret)])
    record = logging.LogRecord("lab", logging.INFO, "", 0, "to %s", (secret,), None)
    assert Formatter("%(message)s").format(record) == "to http://***@h"
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


@pytest.mark.parametrize(
    "written",
    [
        "${oc.select:name}", "${oc.decode:${name}}", "${ name }", "${.name}", "${logger[name]}", "${${which}}",
        "a-${oc.select:missing,${oc.env:LAB_SECRET}}",
    ],
)  # fmt: skip
def test_no_way_to_the_environment_is_overlooked(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("LAB_SECRET", "s3cret")
    node = {"name": "${oc.env:LAB_SECRET}", "logger": {"name": "${oc.env:LAB_SECRET}"}, "which": "name"}
    config = OmegaConf.create(node | {"tags": written, "plain": "${which}"})
    result = from_environment(config)
    assert result["tags"] == written
    assert set(result) == {"name", "logger.name", "tags"}
    assert config.name == "s3cret"  # the resolver is the library's own again


def test_a_relative_way_and_a_whole_node_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", "s3cret")
    config = OmegaConf.create({"a": {"x": "${oc.env:LAB_SECRET}", "y": "${.x}"}, "b": "${a}", "c": ["${a.y}"]})
    assert from_environment(config) == {"a.x": "${oc.env:LAB_SECRET}", "a.y": "${.x}", "b": "${a}", "c.0": "${a.y}"}


@pytest.mark.parametrize("password", ["it's", 'a"b', "p@ss", "with blank"])
def test_the_line_of_a_record_holds_no_password(password: str) -> None:
    typed = parse(["train.py", f"sweep.storage=postgresql://u:{password}@h/db"])
    assert shlex.split(command(typed)) == ["python", "train.py", "sweep.storage=postgresql://***@h/db"]


@pytest.mark.parametrize(
    "text",
    [
        "a://:" + "${x}" * 200,
        "a://" + "${x}" * 200,
        "a://u:" + "@b" * 2000 + "/",
        "a." * 20_000 + "://",
        "a://x" * 4000,
    ],
)
def test_no_text_makes_masking_slow(text: str) -> None:
    """Each of these takes years where a pattern can match in two ways."""
    assert masked(text)
    assert masked_tree([text, f"key={text}"])
