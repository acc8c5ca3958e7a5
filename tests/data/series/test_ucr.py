"""Problems of the archive: shipped ones by name, others by folder; validation drawn by class from training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Ucr
from lab.core.errors import RequestError
from lab.data.series.dataset import load
from lab.data.series.ucr import cases

CONF = Path(__file__).parents[3] / "conf"


def ucr(*typed: str) -> Ucr:
    with initialize_config_dir(str(CONF)):
        data = check(compose("config", ["data=ucr", "model=inception_time", *typed])).data
    assert isinstance(data, Ucr)
    return data


def write(folder: Path, train: list[str], test: list[str]) -> None:
    for split, lines in (("TRAIN", train), ("TEST", test)):
        (folder / f"Own_{split}.ts").write_text("@problemName Own\n@classLabel true\n@data\n" + "\n".join(lines) + "\n")


def test_own_files_of_unequal_lengths(tmp_path: Path) -> None:
    train = [f"{','.join(['1'] * (3 + n % 4))}:{'ab'[n % 2]}" for n in range(20)] + ["1,?,3:rare"]
    write(tmp_path, train, ["5,6:a", "7,8,9:b"])
    data = ucr("data.name=Own", f"data.path={tmp_path}")
    panel, splits, notes = cases(data)
    assert panel.classes == ("a", "b", "rare")
    assert [len(splits[name]) for name in ("train", "val", "test")] == [17, 4, 2]
    assert sorted(np.concatenate([splits["train"].ends, splits["val"].ends])) == (panel.starts[1:22] - 1).tolist()
    assert notes == ["classes rare have too few cases for validation and are only in training"]
    assert 2 in splits["train"].labels
    assert splits["test"].lengths.tolist() == [2, 3]
    result = load(data)
    assert result.head.counts == tuple(np.bincount(splits["train"].labels))
    assert load(data).fingerprint == result.fingerprint
    assert load(ucr("data.name=Own", f"data.path={tmp_path}", "data.split.seed=1")).fingerprint != result.fingerprint
    whole = load(ucr("data.name=Own", f"data.path={tmp_path}", "data.split.train_on_val=true"))
    assert len(whole.splits["train"]) == 21


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["data.name=Gunpoint"], ["data.name=Gunpoint: is not shipped", "try: data.name=GunPoint"]),
        (["data.name=Covid3Month"], ["is not shipped"]),
        (["data.name=Owm", "data.path=HERE"], ["no such file", "data.name=Own"]),
    ],
)
def test_what_is_not_there_is_named_with_what_is(tmp_path: Path, typed: list[str], words: list[str]) -> None:
    pytest.importorskip("aeon")
    write(tmp_path, ["1:a", "2:b"], ["1:a"])
    with pytest.raises(RequestError) as error:
        cases(ucr(*(word.replace("HERE", str(tmp_path)) for word in typed)))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_training_and_test_must_be_of_one_kind(tmp_path: Path) -> None:
    write(tmp_path, ["1,2:a", "2,3:b"] * 5, ["1:2:a", "2:3:z"])
    with pytest.raises(RequestError) as error:
        cases(ucr("data.name=Own", f"data.path={tmp_path}"))
    assert len(error.value.mistakes) == 2


@pytest.mark.parametrize(
    ("name", "rows", "classes", "channels", "lengths"),
    [
        ("ACSF1", (100, 100), 10, 1, (1460, 1460)),
        ("ArrowHead", (36, 175), 3, 1, (251, 251)),
        ("BasicMotions", (40, 40), 4, 6, (100, 100)),
        ("GunPoint", (50, 150), 2, 1, (150, 150)),
        ("ItalyPowerDemand", (67, 1029), 2, 1, (24, 24)),
        ("JapaneseVowels", (270, 370), 9, 12, (7, 29)),
        ("OSULeaf", (200, 242), 6, 1, (427, 427)),
        ("PickupGestureWiimoteZ", (50, 50), 10, 1, (29, 361)),
    ],
)
def test_every_shipped_problem(name: str, rows: Any, classes: int, channels: int, lengths: Any) -> None:
    pytest.importorskip("aeon")
    panel, splits, _ = cases(ucr(f"data.name={name}"))
    every = np.diff(panel.starts)
    assert (len(splits["train"]) + len(splits["val"]), len(splits["test"])) == rows
    assert len(panel.classes) == classes
    assert panel.values.shape == (every.sum(), channels)
    assert (every.min(), every.max()) == lengths
    assert set(splits["val"].labels) == set(splits["test"].labels) == set(range(classes))


def test_leave_one_out_holds_out_no_case(tmp_path: Path) -> None:
    own = ["data.name=Own", f"data.path={tmp_path}"]
    write(tmp_path, [f"{n},1:{'ab'[n % 2]}" for n in range(10)], ["1,2:a", "2,1:b"])
    held_out, left_out = load(ucr(*own)), load(ucr(*own).model_copy(update={"split": left_out_split(*own)}))
    assert [len(held_out.splits[name]) for name in ("train", "val")] == [8, 2]
    assert [len(left_out.splits[name]) for name in ("train", "val")] == [10, 10]
    assert left_out.leave_one_out
    assert left_out.fingerprint != held_out.fingerprint == left_out.facts["compared_as"]
    assert sum(left_out.head.counts) == 10


def test_constant_series_are_refused_and_two_cases_leave_one_out_each(tmp_path: Path) -> None:
    own = ["data.name=Own", f"data.path={tmp_path}"]
    write(tmp_path, ["5,5:a", "5,5:b"] * 5, ["5,5:a", "5,5:b"])
    with pytest.raises(RequestError, match=r"data\.name=Own: every case has one value at all steps"):
        load(ucr(*own))
    write(tmp_path, ["1,2:a", "2,1:b"], ["1,2:a", "2,1:b"])
    both = load(ucr(*own).model_copy(update={"split": left_out_split(*own)}))
    assert [len(both.splits[name]) for name in ("train", "val")] == [2, 2]


def test_each_case_is_in_one_fold(tmp_path: Path) -> None:
    own = ["data.name=Own", f"data.path={tmp_path}", "data.split.folds=5"]
    write(tmp_path, [f"{n},1:{'ab'[n % 2]}" for n in range(10)], ["1,2:a", "2,1:b"])
    folds = [load(ucr(*own, f"data.split.fold={fold}")) for fold in range(5)]
    ends = np.concatenate([each.splits["val"].ends for each in folds])
    assert len(np.unique(ends)) == len(ends) == 10
    assert all(len(each.splits["train"]) + len(each.splits["val"]) == 10 for each in folds)
    assert len({each.fingerprint for each in folds}) == 5
    assert len({each.facts["compared_as"] for each in folds}) == 1
    assert [len(each.splits["val"]) for each in folds] == [2] * 5
    with pytest.raises(RequestError, match=r"data\.split\.folds=11: 10 training cases cannot fill 11 folds"):
        load(ucr(*own[:2], "data.split.folds=11", "data.split.fold=0"))


def left_out_split(*typed: str) -> Any:
    return ucr(*typed).split.model_copy(update={"val": "leave_one_out"})


def test_one_class_in_validation_is_put_down_to_its_share_and_one_in_training_to_the_problem(tmp_path: Path) -> None:
    own = ["data.name=Own", f"data.path={tmp_path}"]
    write(tmp_path, [f"{n},1:{'ab'[n % 2]}" for n in range(8)], ["1,2:a", "2,1:b"])
    with pytest.raises(RequestError, match=r"data\.split\.val=0\.1: val has only one class"):
        load(ucr(*own, "data.split.val=0.1"))
    assert len(load(ucr(*own, "data.split.val=0.1", "data.split.train_on_val=true")).splits["train"]) == 8
    write(tmp_path, ["1,2:a", "2,2:a", "3,2:a"], ["1,2:a", "2,1:a"])
    with pytest.raises(RequestError, match=r"data\.name=Own: train has only one class"):
        load(ucr(*own))
    write(tmp_path, ["1,2:a"], ["1,2:a", "2,1:a"])
    with pytest.raises(RequestError, match="has one training case"):
        load(ucr(*own))
