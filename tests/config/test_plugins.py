"""Plug-ins are imported only when they are named, and their files are part of a run's record."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.config import plugins
from lab.core.errors import RequestError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(plugins, "_LOADED", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "sound_plugin.py").write_text("VALUE = 1\n")
    (tmp_path / "broken_plugin.py").write_text("raise ValueError('no such thing')\n")
    (tmp_path / "hungry_plugin.py").write_text("import a_package_that_nobody_has\n")
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").write_text("")
    (tmp_path / "a_package" / "part.py").write_text("X = 1\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_of_the_folder_is_imported_once_and_recorded(folder: Path) -> None:
    plugins.load(["sound_plugin", "sound_plugin"], folder)
    (entry,) = plugins.record(["sound_plugin"])
    assert (entry["name"], entry["module"], entry["version"]) == ("sound_plugin", "sound_plugin", None)
    assert len(str(entry["sha256"])) == 64
    assert plugins.is_plugin_module("sound_plugin")
    assert not plugins.is_plugin_module("sound_plugin_2")


def test_all_files_of_a_package_count(folder: Path) -> None:
    plugins.load(["a_package"], folder)
    (entry,) = plugins.record(["a_package"])
    assert plugins.is_plugin_module("a_package.part")
    (folder / "a_package" / "part.py").write_text("X = 2\n")
    assert plugins._hash(sys.modules["a_package"]) != entry["sha256"]


def test_every_name_that_cannot_be_imported_is_named(folder: Path) -> None:
    with pytest.raises(RequestError) as caught:
        plugins.load(["broken_plugin", "sound_plugn", "hungry_plugin", "subprocess"], folder)
    broken, misspelt, hungry, standard = caught.value.mistakes
    assert "a module of Python itself" in standard.problem
    assert "ValueError: no such thing" in broken.problem
    assert misspelt.remedy == "'plugins=[sound_plugin]'"
    assert "a_package_that_nobody_has, which is not installed" in hungry.problem


def test_changed_code_is_refused(folder: Path) -> None:
    plugins.load(["sound_plugin"], folder)
    recorded = plugins.record(["sound_plugin"])
    plugins.refuse_changed(recorded, folder)
    with pytest.raises(RequestError, match="has changed since this run"):
        plugins.refuse_changed([{**recorded[0], "sha256": "0" * 64}], folder)
    with pytest.raises(RequestError, match="has changed since this run"):
        plugins.refuse_changed([{**recorded[0], "name": "another"}], folder)
