"""The version that answers: looks that find nothing new, a new version, and versions that are refused."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import RequestError
from lab.inference.addresses import mlflow_store
from lab.serving import current as module
from lab.serving import loaded
from lab.serving import version as versions
from lab.serving.current import Current
from lab.serving.loaded import LoadedModel, Query, load
from lab.serving.metrics import Metrics

Requested = Callable[..., ServeRequest]


@pytest.fixture
def copied(requested: Requested, tmp_path: Path) -> tuple[Current, Path]:
    """A server's current version and its folder, which a test may change."""
    folder = Path(shutil.copytree(requested("ngram").run, tmp_path / "copy"))
    return Current(requested("ngram", run=folder, reload_every_s=1), Metrics()), folder


def change(folder: Path) -> None:
    spec = folder / "spec.json"
    spec.write_text(spec.read_text() + "\n")


def test_the_same_files_are_no_new_version(copied: tuple[Current, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    current, folder = copied
    best = folder / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes())
    assert current.look() is None, "its digest is that of the version that answers"
    monkeypatch.setattr(module, "load", lambda request: pytest.fail("nothing changed"))
    assert current.look() is None


def test_a_changed_file_is_a_new_version(copied: tuple[Current, Path]) -> None:
    current, folder = copied
    before = current.model.version
    change(folder)
    new = current.look()
    assert new is not None
    assert new.version != before
    assert current.model.version == before, "the switch is the event loop's"
    assert current.look() is None


def test_a_refused_version_is_said_once_and_recovers(
    copied: tuple[Current, Path], caplog: pytest.LogCaptureFixture
) -> None:
    current, folder = copied
    spec = folder / "spec.json"
    whole = spec.read_text()
    spec.write_text("{")
    assert [current.look(), current.look()] == [None, None]
    assert caplog.text.count("a new version is refused") == 1
    refused = current.health().refused
    assert refused is not None
    assert refused.folder == "copy"
    spec.write_text(whole)
    assert current.look() is None
    assert current.health().refused is None
    shutil.rmtree(folder)
    assert [current.look(), current.look()] == [None, None]
    assert caplog.text.count("a new version is refused") == 2


@pytest.mark.parametrize("place", ["signature", "load"])
def test_the_looks_go_on_after_an_error_that_nobody_expects(
    copied: tuple[Current, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    current, folder = copied
    before = current.model.version

    def fail(request: ServeRequest) -> None:
        raise MemoryError("a secret path")

    whole = getattr(module, place)
    monkeypatch.setattr(module, place, fail)
    change(folder)
    assert [current.look(), current.look()] == [None, None]
    assert caplog.text.count("a new version is refused") == caplog.text.count("Traceback") == 1
    state = current.health()
    assert state.refused is not None
    assert state.refused.reason == "loading it failed with MemoryError; the server's log has the reason"
    assert state.model.version == before
    monkeypatch.setattr(module, place, whole)
    change(folder)
    assert current.look() is not None
    assert current.health().refused is None


def test_files_that_change_while_they_are_read_are_read_again(
    copied: tuple[Current, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    current, folder = copied

    def slow(request: ServeRequest) -> LoadedModel:
        new = load(request)
        change(folder)
        return new

    monkeypatch.setattr(module, "load", slow)
    change(folder)
    assert current.look() is None
    monkeypatch.setattr(module, "load", load)
    new = current.look()
    assert new is not None
    assert new.version == load(current.request).version


def test_a_registry_is_asked_for_its_version_and_files_are_fetched_for_a_new_one(
    requested: Requested, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    names = {"1": "ngram", "2": "encoder"}
    version = "1"

    def find(address: str) -> Path:
        fetched.append(f"{address} {version}")
        return Path(requested(names[version]).run)

    for reader in (loaded, versions):
        monkeypatch.setattr(reader, "find_run", find)
    monkeypatch.setattr(versions, "version_of", lambda address: version)
    current = Current(requested("ngram", run="models:/notices@served", reload_every_s=1), Metrics())
    assert current.look() is None
    assert fetched == ["models:/notices@served 1"]
    version = "2"
    new = current.look()
    assert new is not None
    assert new.version == load(requested("encoder")).version
    assert fetched[1] == "models:/notices@served 2"


def test_the_folder_of_a_fetched_version_is_removed_when_another_one_answers(
    requested: Requested, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions_of = {"1": "ngram", "2": "encoder", "3": "questions"}
    now = "1"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(mlflow_store, "version", lambda address: now)
    monkeypatch.setattr(
        mlflow_store, "fetch", lambda address, target: shutil.copytree(requested(versions_of[now]).run, target / "run")
    )
    current = Current(requested("ngram", run="models:/notices@served", reload_every_s=1), Metrics())
    (first,) = tmp_path.iterdir()
    now = "2"
    new = current.look()
    assert new is not None
    current._switch(new)
    assert not first.exists()
    (second,) = tmp_path.iterdir()
    now = "3"
    assert current.look() is None, "it has other columns"
    assert list(tmp_path.iterdir()) == [second]
    current.model.answer([Query([{"title": "a", "text": "b"}])])


def test_the_first_version_must_be_sound(requested: Requested, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no such folder"):
        Current(requested("ngram", run=tmp_path / "nowhere"), Metrics())
