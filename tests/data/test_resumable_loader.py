"""An interrupted epoch of somebody else's loader continues behind the batches that were trained on, in its order."""

import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lab.data.resumable_loader import ResumableLoader


class Noisy(Dataset[torch.Tensor]):
    """Augments by all three global generators."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([index, random.random(), np.random.rand(), float(torch.rand(()))])  # noqa: NPY002


def epochs(loader: ResumableLoader, numbers: list[int]) -> list[torch.Tensor]:
    result = []
    for number in numbers:
        loader.set_epoch(number)
        result += [batch.clone() for batch in loader]
        torch.rand(7)  # the model draws from the same generator
    return result


def new() -> ResumableLoader:
    return ResumableLoader(DataLoader(Noisy(), 3, shuffle=True), seed=5)


def test_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    first, again = epochs(new(), [0, 1]), epochs(new(), [1])
    assert torch.equal(torch.cat(first[7:]), torch.cat(again))
    assert not torch.equal(torch.cat(first[:7]), torch.cat(first[7:]))


def test_a_resumed_epoch_gives_the_rest() -> None:
    whole, loader = epochs(new(), [3]), new()
    loader.set_epoch(3)
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    state = loader.state_dict()
    resumed = new()
    resumed.load_state_dict(state)
    assert [batch.tolist() for batch in resumed] == [batch.tolist() for batch in whole[4:]]


def test_the_models_generators_are_left_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    list(new())
    assert torch.equal(torch.rand(3), expected)


def test_a_loader_with_a_state_of_its_own_keeps_its_place() -> None:
    class Stateful:
        def __init__(self) -> None:
            self.place = 0

        def __iter__(self) -> Any:
            while self.place < 6:
                self.place += 1
                yield self.place
            self.place = 0

        def __len__(self) -> int:
            return 6

        def state_dict(self) -> dict[str, int]:
            return {"place": self.place}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.place = state["place"]

    loader = ResumableLoader(Stateful(), 0)
    batches = iter(loader)
    assert [next(batches) for _ in range(4)] == [1, 2, 3, 4]
    resumed = ResumableLoader(Stateful(), 0)
    resumed.load_state_dict(loader.state_dict())
    assert list(resumed) == [5, 6]
