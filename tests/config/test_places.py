"""What this machine lacks is reported before data is read: places to write, drivers of a database."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.places import missing
from lab.config.schema import Config
from lab.core.errors import RequestError
from lab.sweep.storage.addresses import refuse_unusable

CONF = Path("conf").absolute()


def config(*line: str) -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", list(line)))


@pytest.mark.parametrize("folder", ["/dev/null", "/dev/null/x", "FILE", "FILE/x", "/proc/nope"])
def test_a_cache_that_cannot_be(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (mistake,) = missing(config(f"cache.dir={folder.replace('FILE', str(tmp_path / 'file'))}"))
    assert mistake.key == "cache.dir"
    assert "cannot be made and written to" in mistake.problem


def test_a_cache_that_can_be(tmp_path: Path) -> None:
    assert missing(config(f"cache.dir={tmp_path}/a/b")) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, None),
        ("sqlite:///a.db", None),
        ("nonsense", "no URL"),
        ("postgresql://u:p@h:port/d", "no URL"),
        ("nope://u:secret@h/d", "knows no nope"),
        ("mysql+nope://u:secret@h/d", "knows no mysql+nope"),
        ("grpc://head:13000", None),
        ("grpc://head", "no address of a gRPC proxy"),
        ("grpc://u:secret@head:13000", "no address of a gRPC proxy"),
        ("grpc://head:port", "no address of a gRPC proxy"),
        ("oracle+oracledb://u:secret@h/d", "driver"),
    ],
)
def test_a_storage_without_its_driver(url: str | None, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oracledb", None)
    reported: Any = ""
    try:
        refuse_unusable(url)
    except RequestError as error:
        reported = str(error)
    assert words in reported if words else reported == ""
    assert "secret" not in reported
