"""One line runs all folds: it becomes a multirun over the folds, unless a fold is named."""

import pytest

from lab.cli.arguments.folds import with_all_folds
from lab.core.errors import RequestError

ALL = "data.split.fold=0,1,2"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["data.split.folds=3"], ["-m", "data.split.folds=3", ALL]),
        (["-m", "data.split.folds=3", "seed=1,2"], ["-m", "data.split.folds=3", "seed=1,2", ALL]),
        (["data.split.folds=3", "data.split.fold=null"], ["-m", "data.split.folds=3", ALL]),
        (["data.split.folds=3", "data.split.fold=1"], ["data.split.folds=3", "data.split.fold=1"]),
        (["data.split.folds=3", "resume=RUN"], ["data.split.folds=3", "resume=RUN"]),
        (["data.split.folds=3", "--cfg", "job"], ["data.split.folds=3", "--cfg", "job"]),
        (["data.split.folds=many"], ["data.split.folds=many"]),
        (["data.split.folds=1"], ["data.split.folds=1"]),
        (["model=ngram"], ["model=ngram"]),
    ],
)
def test_all_folds_are_typed(typed: list[str], read: list[str]) -> None:
    assert with_all_folds(["train.py", *typed]) == ["train.py", *read]


def test_a_search_does_not_run_folds() -> None:
    with pytest.raises(RequestError, match=r"data\.split\.folds=3: does not go with sweep=text"):
        with_all_folds(["train.py", "-m", "sweep=text", "data.split.folds=3"])
