"""The methods that all data modules share, on made-up rows: loaders, stages, state, batches for the finders."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from torch.utils.data import Dataset

from lab.core.batches import SeriesSpec
from lab.core.errors import RequestError
from lab.data.batch_sampler import Draw
from lab.data.datamodule import DataModule

LENGTHS = {"train": [3, 9, 5, 7, 1, 8, 2, 6, 4, 5, 5], "val": [2, 4, 3], "test": [6, 1]}


class Numbered(Dataset[Any]):
    """A batch is the numbers of its rows and of its accumulation window."""

    def __getitem__(self, draw: Draw) -> tuple[list[int], int]:
        return draw.rows.tolist(), len(draw.window)


class Toy(DataModule[Numbered]):
    spec = SeriesSpec((), ("x",), 9)

    def __init__(self, config: Any, fingerprint: str = "abc") -> None:
        super().__init__("toy", fingerprint, config, lambda _: 2, 0, False)
        self.made: list[str] = []

    @property
    def facts(self) -> dict[str, object]:
        return {"rows": 11}

    def summary(self) -> str:
        return "eleven rows"

    def make_rows(self, split: str) -> Numbered:
        self.made.append(split)
        return Numbered()

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return np.array(LENGTHS[split], dtype=np.int32)


Make = Callable[..., Toy]


@pytest.fixture
def toy(data_request: Callable[..., Any]) -> Make:
    def make(fingerprint: str = "abc", **changes: Any) -> Toy:
        settings = {"batch_size": 4, "eval_batch_size": 2, "num_workers": 0} | changes
        return Toy(data_request("maintenance", **settings), fingerprint)

    return make


def test_a_stage_makes_the_rows_of_its_splits_once(toy: Make, caplog: pytest.LogCaptureFixture) -> None:
    data = toy()
    with caplog.at_level("INFO"):
        data.setup("test")
        assert (data.made, caplog.messages) == (["test"], [])
        data.setup("fit")
        data.setup("fit")
        data.setup("validate")
    assert data.made == ["test", "train", "val"]
    assert caplog.messages == ["eleven rows"]


def test_every_row_comes_once_in_each_split(toy: Make) -> None:
    data = toy()
    data.setup("fit")
    data.setup("test")
    batches = list(data.train_dataloader())
    assert len(batches) == data.num_batches() == 3
    assert sorted(row for rows, _ in batches for row in rows) == list(range(11))
    assert [window for _, window in batches] == [8, 8, 3] or [window for _, window in batches] == [3, 8, 8]
    assert [rows for rows, _ in data.val_dataloader()] == [[1, 2], [0]], "from long to short"
    assert [rows for rows, _ in data.test_dataloader()] == [[0, 1]]


def test_the_finders_get_the_longest_rows_whole_windows_and_a_sample(toy: Make) -> None:
    data = toy()
    data.setup("fit")
    assert data.longest(3) == ([1, 5, 3], 3)
    rows, _ = data.longest(14)  # type: ignore[misc]
    assert rows[:11] == [*dict.fromkeys(rows)]
    assert rows[11:] == rows[:3]
    assert all(window == len(rows) for rows, window in data.whole_windows())
    assert data.sample(5) == toy_sample(data, 5)
    assert toy_sample(data, 20)[0] == list(range(11))


def toy_sample(data: Toy, size: int) -> tuple[list[int], int]:
    rows, window = data.sample(size)  # type: ignore[misc]
    assert rows == sorted(set(rows))
    return rows, window


def test_the_state_restores_the_batch_size_and_refuses_other_data(toy: Make) -> None:
    data, other = toy(batch_size=8), toy()
    other.load_state_dict(data.state_dict())
    assert other.num_batches() == 2
    with pytest.raises(RequestError, match="other data"):
        toy("xyz").load_state_dict(data.state_dict())
