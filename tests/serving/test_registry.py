"""The version behind an address of a model registry."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.serving.registry import registered_version


@pytest.mark.parametrize(
    ("run", "version"),
    [("outputs/run", None), ("/models:/x", None), ("runs:/0123/model", ""), ("models:/notices/3", "models:/notices/3"),
     ("models:/m-0123", "models:/m-0123")],
)  # fmt: skip
def test_what_needs_no_registry(run: str, version: str | None) -> None:
    assert registered_version(run) == version


@pytest.mark.parametrize(("name", "run"), [("mlflow", "models:/notices@served"), ("wandb", "wandb:a/b/c:latest")])
def test_without_its_package_the_line_that_installs_it_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, run: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RequestError, match=f"pip install '{name}>="):
        registered_version(run)


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
        registered_version("models:/notices/latest")
    for _ in range(2):
        made = store()
        assert registered_version("models:/notices@served") == registered_version("models:/notices/latest") == made
    with pytest.raises(RequestError, match="names no version: write a number"):
        registered_version("models:/notices/newest")
    with pytest.raises(RequestError, match="its registry does not name a version"):
        registered_version("models:/notices@other")
