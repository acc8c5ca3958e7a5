"""Models of a real MLflow store and of W&B's artifacts predict; an address that means no model is refused in words."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.core.record.model_files import model_files
from lab.core.record.run_folder import RunFolder
from lab.inference.addresses import fetch
from lab.inference.addresses.fetch import discard, fetched, is_address
from lab.inference.predict import Done
from lab.inference.winner import find_run
from tests.inference.conftest import read_csv, write_csv

PredictWith = Callable[..., Done]


def kept(run: Path, folder: Path) -> Path:
    """A folder as the registry has it."""
    for file in model_files(RunFolder(run)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(run / file, folder / file)
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "new.csv", [("title", "text"), ("pump", "drips")])


@pytest.fixture
def mlflow_store(trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A local store with a registered version of the run in the working folder; returns the id of MLflow's run."""
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    import mlflow

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"  # MLflow keeps a store open by its address, so it is the whole path
    client = mlflow.MlflowClient(store, registry_uri=store)
    run = client.create_run(client.create_experiment("avisos", str(tmp_path / "artifacts"))).info
    client.log_artifacts(run.run_id, str(kept(trained("ngram"), tmp_path / "kept")), "model")
    client.create_registered_model("avisos")
    client.create_model_version("avisos", f"{run.artifact_uri}/model", run.run_id)
    client.set_registered_model_alias("avisos", "best", "1")
    return str(run.run_id)


def test_models_of_mlflow_predict(mlflow_store: str, predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    predict_with("ngram", input=new)
    expected = read_csv(tmp_path / "out.csv")
    for number, address in enumerate(("models:/avisos/1", "models:/avisos@best", f"runs:/{mlflow_store}/model")):
        predict_with("ngram", run=address, input=new, output=tmp_path / f"{number}.csv")
        assert read_csv(tmp_path / f"{number}.csv") == expected
    with pytest.raises(RequestError, match="cannot be fetched"):
        find_run("models:/avisos/9")
    with pytest.raises(RequestError, match="cannot be fetched"):
        find_run("models:/none/1")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RequestError, match="MLFLOW_TRACKING_URI"):
        find_run("models:/avisos/1")
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_of_wandb_predicts(
    predict_with: PredictWith,
    trained: Callable[[str], Path],
    new: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """W&B's server is replaced: an artifact that is downloaded is the folder that was registered."""
    wandb = pytest.importorskip("wandb")
    wanted: list[str] = []

    class Artifact:
        def download(self, root: str) -> str:
            return str(kept(trained("ngram"), Path(root)))

    class Api:
        def artifact(self, name: str) -> Artifact:
            wanted.append(name)
            if name.endswith(":v9"):
                raise wandb.errors.CommError("artifact not found")
            return Artifact()

    monkeypatch.setattr(wandb, "Api", Api)
    assert predict_with("ngram", run="wandb:me/lab/avisos:v1", input=new).rows == 1
    with pytest.raises(RequestError, match="artifact not found"):
        find_run("wandb:me/lab/avisos:v9")
    assert wanted == ["me/lab/avisos:v1", "me/lab/avisos:v9"]


@pytest.mark.parametrize("content", ["nothing", "link", "two"])
def test_what_is_fetched_is_checked(
    trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    def fill(address: str, target: Path) -> None:
        if content != "nothing":
            kept(trained("ngram"), target / "a")
        if content == "two":
            kept(trained("ngram"), target / "b")
        if content == "link":
            (target / "a" / "tokenizer" / "more").symlink_to("/etc/passwd")

    monkeypatch.setattr(fetch.mlflow_store, "fetch", fill)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RequestError, match="symbolic link" if content == "link" else "is no model of lab"):
        fetched("models:/a/1")
    assert list(tmp_path.iterdir()) == [], "what is refused is removed"


def test_what_was_fetched_is_removed_and_another_folder_stays(
    trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch.mlflow_store, "fetch", lambda address, target: kept(trained("ngram"), target / "a"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = fetched("models:/a/1")
    discard(trained("ngram"))
    assert folder.is_dir()
    assert trained("ngram").is_dir()
    discard(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RequestError, match="pip install 'wandb"):
        find_run("wandb:me/lab/avisos:v1")


def test_a_folder_is_no_address() -> None:
    assert not is_address("outputs/runs")
    assert not is_address("./models")
    assert is_address("runs:/abc/model")
    found: Any = [scheme for scheme in fetch.SCHEMES if is_address(scheme)]
    assert found == list(fetch.SCHEMES)
