"""The version that an address of a model registry names now."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.inference.addresses.fetch import version_of


@pytest.mark.parametrize("address", ["runs:/0123/model", "models:/notices/3", "models:/m-0123"])
def test_what_always_names_the_same_files_needs_no_registry(address: str) -> None:
    assert version_of(address) == address


def test_a_look_for_the_version_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RequestError, match="MLFLOW_TRACKING_URI"):
        version_of("models:/notices/latest")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "run"), [("mlflow", "models:/notices@served"), ("wandb", "wandb:a/b/c:latest")])
def test_without_its_package_the_line_that_installs_it_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, run: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RequestError, match=f"pip install '{name}>="):
        version_of(run)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Registers one more version of the model `notices` and returns its number."""
    if find_spec("mlflow") is None:
        pytest.skip("the package mlflow is not installed")
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = MlflowClient(uri, uri)
    client.create_registered_model("notices")

    def register() -> str:
        made = str(client.create_model_version("notices", f"file://{tmp_path}").version)
        client.set_registered_model_alias("notices", "served", made)
        return made

    return register


@pytest.mark.slow
def test_an_alias_and_latest_name_the_newest_version(store: Callable[[], str]) -> None:
    with pytest.raises(RequestError, match="there is no such model"):
        version_of("models:/notices/latest")
    for _ in range(2):
        made = store()
        assert version_of("models:/notices@served") == version_of("models:/notices/latest") == made
    with pytest.raises(RequestError, match="names no version: write a number"):
        version_of("models:/notices/newest")
    with pytest.raises(RequestError, match="its registry does not name a version"):
        version_of("models:/notices@other")
