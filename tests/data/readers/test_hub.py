from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.data.text.source import open_source

from ..conftest import source_column, source_mistakes

Request = Callable[..., Any]


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    """A data set in the hub's layout, with class indices; stands for one by name."""
    import datasets

    kinds = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "n": datasets.Value("int64"),
        }
    )
    folder = tmp_path / "reviews"
    folder.mkdir()
    datasets.disable_progress_bars()
    for split, num in (("train", 20), ("test", 10)):
        rows = {
            "text": [f"{split} {i}" for i in range(num)],
            "label": [i % 2 for i in range(num)],
            "n": list(range(num)),
        }
        datasets.Dataset.from_dict(rows, features=kinds).to_parquet(str(folder / f"{split}.parquet"))
    return folder


def test_hub_splits_with_class_names(data_request: Request, hub_folder: Path, tmp_path: Path) -> None:
    splits = {"train": "train", "val": None, "test": "test"}
    data = data_request("hub", path=str(hub_folder), text=["text"], labels=["label", "n"], splits=splits)
    source = open_source(data, tmp_path / "cache")
    assert source.name == "reviews"
    assert list(source.tables) == ["train", "test"]
    assert source_column(source, "test", "label")[:3] == ["neg", "pos", "neg"]
    assert source_column(source, "test", "n")[:3] == ["0", "1", "2"]


def test_one_split_for_validation_and_test_is_refused(data_request: Request, hub_folder: Path, tmp_path: Path) -> None:
    requested: dict[str, Any] = {"path": str(hub_folder), "text": ["text"], "labels": ["label"]}
    requested |= {"splits": {"train": "train", "val": "test", "test": "test"}}
    (mistake,) = source_mistakes(data_request("hub", **requested), tmp_path)
    assert (mistake.key, mistake.value) == ("data.splits.test", "test")
    assert "is data.splits.val as well" in mistake.problem
    warned = open_source(data_request("hub", **requested, leaks={"action": "warn"}), tmp_path / "cache")
    assert len(warned.tables["val"]) == len(warned.tables["test"])


def test_an_edited_local_data_set_is_read_again(data_request: Request, hub_folder: Path, tmp_path: Path) -> None:
    data = data_request("hub", path=str(hub_folder), text=["text"], labels=["label"])
    assert len(open_source(data, tmp_path / "cache").tables["train"]) == 20
    (hub_folder / "train.parquet").write_bytes((hub_folder / "test.parquet").read_bytes())
    assert len(open_source(data, tmp_path / "cache").tables["train"]) == 10


def test_a_spoilt_copy_of_a_local_data_set_is_made_again(
    data_request: Request, hub_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = data_request("hub", path=str(hub_folder), text=["text"], labels=["label"])
    expected = source_column(open_source(data, tmp_path / "cache"), "train", "text")
    for copy in (tmp_path / "cache" / "files").rglob("*.arrow"):
        copy.write_bytes(copy.read_bytes().replace(b"train 1", b"spoilt!"))
    assert source_column(open_source(data, tmp_path / "cache"), "train", "text") == expected
    assert "is damaged and is made again" in caplog.text


def test_lists_of_classes_become_columns_of_their_names(data_request: Request, tmp_path: Path) -> None:
    import datasets

    kind = datasets.Features(
        {"text": datasets.Value("string"), "topics": datasets.List(datasets.ClassLabel(names=["pump", "seal"]))}
    )
    rows = {"text": [f"note {n}" for n in range(40)], "topics": [[[0], [1], [0, 1], []][n % 4] for n in range(40)]}
    (tmp_path / "notes").mkdir()
    datasets.Dataset.from_dict(rows, features=kind).to_parquet(str(tmp_path / "notes" / "train.parquet"))
    requested: dict[str, Any] = {"path": str(tmp_path / "notes"), "text": ["text"], "labels": ["topics"]}
    (mistake,) = source_mistakes(data_request("hub", **requested), tmp_path)
    assert "label sets need a column per label" in mistake.problem
    source = open_source(data_request("hub", **requested, split_labels=["topics"]), tmp_path / "cache")
    assert source.columns.labels == ("topics_pump", "topics_seal")
    assert source_column(source, "train", "topics_seal")[:4] == ["0", "1", "1", "0"]


def test_hub_mistakes_name_what_is_there(data_request: Request, hub_folder: Path, tmp_path: Path) -> None:
    base: dict[str, Any] = {"path": str(hub_folder), "text": ["text"], "labels": ["label"]}
    (mistake,) = source_mistakes(data_request("hub", **base, splits={"train": "tarin"}), tmp_path)
    assert mistake.key == "data.splits.train"
    assert "'train', 'test'" in mistake.problem
    (mistake,) = source_mistakes(data_request("hub", **base, config="nope"), tmp_path)
    assert mistake.key == "data.config"
    assert "default" in mistake.problem
    (mistake,) = source_mistakes(data_request("hub", **base | {"labels": ["lable"]}), tmp_path)
    assert mistake.remedy == "'data.labels=[label]'"


def test_a_name_that_is_nowhere_says_what_to_do_offline(data_request: Request, tmp_path: Path) -> None:
    import datasets

    assert datasets.config.HF_HUB_OFFLINE, "tests must not reach for the network"
    (mistake,) = source_mistakes(data_request("hub", path="nobody/nothing", text=["text"], labels=["label"]), tmp_path)
    assert mistake.key == "data.path"
    assert "data=csv data.path=FILE" in mistake.remedy
    assert "data.path=FOLDER" in mistake.remedy
    (mistake,) = source_mistakes(data_request("imdb"), tmp_path)
    assert mistake.value == "stanfordnlp/imdb"


def test_a_hub_that_cannot_be_reached_is_not_waited_for(
    data_request: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import datasets
    from huggingface_hub import HfApi, constants

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(HfApi, "dataset_info", unreachable)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    (mistake,) = source_mistakes(data_request("hub", path="nobody/nothing", text=["text"], labels=["label"]), tmp_path)
    assert "Offline" in mistake.problem
    assert (datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE) == (False, False)
    assert capfd.readouterr() == ("", "")
