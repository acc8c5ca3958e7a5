"""The seal of a text of settings: valid for this user and this very text."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from lab.core.record import seal


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("text", ["name: lab\n", "name: lab", "", "name: año\n# comment\n", "a: '\ud83d'\n"])
def test_a_sealed_text_is_known_again(text: str) -> None:
    sealed = seal.sealed(text)
    assert sealed.startswith(text)
    assert seal.is_sealed(sealed)


def test_any_change_breaks_it(home: Path) -> None:
    sealed = seal.sealed("name: lab\nseed: 1\n")
    assert not seal.is_sealed(sealed.replace("seed: 1", "seed: 2"))
    assert not seal.is_sealed("hydra: {}\n" + sealed)
    assert not seal.is_sealed(sealed + "hydra: {}\n")
    assert not seal.is_sealed("name: lab\n")
    assert not seal.is_sealed("name: lab\n# lab seal: " + "0" * 64 + "\n")


def test_another_users_seal_is_none(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal.sealed("name: lab\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    assert not seal.is_sealed(sealed)
    seal.sealed("name: theirs\n")
    assert not seal.is_sealed(sealed)


def test_the_key_is_the_users_alone_and_stays(home: Path) -> None:
    seal.sealed("a: 1\n")
    key = seal.key_file()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    first = key.read_bytes()
    seal.sealed("a: 2\n")
    assert key.read_bytes() == first
    assert [path.name for path in key.parent.iterdir()] == ["key"]


def test_a_folder_that_cannot_be_written_gives_no_seal_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    assert seal.sealed("a: 1\n") == "a: 1\n"
    assert not seal.is_sealed("a: 1\n")


def _sealed(home: str) -> str:
    os.environ["XDG_CONFIG_HOME"] = home
    return seal.sealed("a: 1\n")


def test_processes_that_make_the_key_at_once_agree(home: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        texts = pool.map(_sealed, [str(home)] * 8)
    assert len(set(texts)) == 1
