"""A saved run on a simple model predicts, explains and is exported without its data, by both parts together."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from lab.core.errors import RequestError
from lab.inference.predict import Done
from lab.training.tasks.saved_model import load_model
from tests.export.conftest import Export, assert_same_predictions, exported, predict_with, rows
from tests.inference.conftest import read_csv, trained, write_csv

__all__ = ["exported", "predict_with", "rows", "trained"]
TEXTS = ["ngram_on_base", pytest.param("encoder_on_base", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", TEXTS)
def test_predictions_of_the_test_rows_are_those_of_the_test(
    predict_with: Callable[..., Done], trained: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    table = pyarrow.parquet.read_table(trained(name) / "test_predictions.parquet").to_pandas()
    new = write_csv(tmp_path / "new.csv", [("title", "text"), *((text, "") for text in table["text"])])
    predict_with(name, input=new)
    again = read_csv(tmp_path / "out.csv")
    for head in ("cause", "state"):
        assert [row[head] for row in again] == table[f"{head}_predicted"].tolist()
        assert [float(row[f"{head}_probability"]) for row in again] == pytest.approx(
            table[f"{head}_probability"].tolist(), abs=1e-4
        )


@pytest.mark.parametrize("name", ["ngram_on_base", "net_on_base"])
def test_an_export_for_torch_has_both_parts(
    predict_with: Callable[..., Done], exported: Export, rows: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    new = rows("net" if name == "net_on_base" else name)
    predict_with(name, input=new)
    exported(name)
    assert_same_base(load_model(tmp_path / "model"), name)
    predict_with(name, run=tmp_path / "model", input=new, output=tmp_path / "again.csv")
    assert_same_predictions(tmp_path / "out.csv", tmp_path / "again.csv", 1e-6)
    for other in ("onnx", "hf"):
        with pytest.raises(RequestError, match="format=torch"):
            exported(name, format=other, output=str(tmp_path / other))
        assert not (tmp_path / other).exists()


def assert_same_base(model: object, name: str) -> None:
    base = getattr(model, "base", None)
    assert type(base).__name__ == ("SeriesLinear" if name == "net_on_base" else "TextLinear")


def test_windows_are_explained_by_both_parts(
    predict_with: Callable[..., Done], rows: Callable[[str], Path], tmp_path: Path
) -> None:
    predict_with("net_on_base", input=rows("net"), explain=True)
    table = read_csv(tmp_path / "out.csv")
    predict_with("net_on_base", input=rows("net"), output=tmp_path / "plain.csv")
    assert len(table[0]) == len(read_csv(tmp_path / "plain.csv")[0]) + 2


def test_a_run_folder_without_its_base_is_refused(trained: Callable[[str], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(trained("ngram_on_base"), tmp_path / "copy")
    (copy / "base" / "linear.safetensors").write_bytes(np.zeros(9).tobytes())
    with pytest.raises(RequestError, match=r"model\.base"):
        load_model(copy)
    shutil.rmtree(copy / "base")
    with pytest.raises(RequestError, match=r"model\.base"):
        load_model(copy)
