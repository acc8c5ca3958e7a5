"""A loader of somebody else that gives the same batches in an interrupted epoch as in an uninterrupted one.

What a loader draws at random (its order, augmentations in the main process) follows from the seed, the epoch and the
batch alone, and draws nothing from the generators that the model uses. A resumed epoch reads the batches that were
trained on once more and leaves them out, unless the loader has a `state_dict` of its own, which then has the place.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


class ResumableLoader:
    """Wraps an iterable of batches. Lightning saves `state_dict` with a checkpoint and calls `set_epoch`."""

    def __init__(self, loader: Any, seed: int) -> None:
        self.loader, self.seed = loader, seed
        self.sampler = self
        """Lightning looks for `set_epoch` on a loader's sampler."""
        self.epoch = 0
        self._num_yielded = 0
        self._skipped = 0

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # while it is unpickled or copied
            raise AttributeError(name)
        return getattr(self.loader, name)

    def set_epoch(self, epoch: int) -> None:
        """Give the epoch (0-based) whose order is drawn next."""
        self.epoch = epoch
        inner: Any = getattr(self.loader, "sampler", None)
        if hasattr(inner, "set_epoch"):
            inner.set_epoch(epoch)

    def __iter__(self) -> Iterator[Any]:
        start, self._skipped = self._skipped, 0
        own_place = callable(getattr(self.loader, "state_dict", None))
        with _own_generators(self.seed, self.epoch, 0):
            batches = iter(self.loader)
        self._num_yielded = start if own_place else 0
        while True:
            with _own_generators(self.seed, self.epoch, self._num_yielded + 1):
                try:
                    batch = next(batches)
                except StopIteration:
                    break
            self._num_yielded += 1
            if self._num_yielded > start or own_place:
                yield batch
        self._num_yielded = 0

    def state_dict(self) -> dict[str, Any]:
        """The epoch, the batches given in it, and the state of a loader that has one."""
        state: dict[str, Any] = {"epoch": self.epoch, "num_yielded": self._num_yielded}
        if callable(getattr(self.loader, "state_dict", None)):
            state["loader"] = self.loader.state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on behind the batches of a saved state."""
        self.epoch, self._skipped = int(state_dict["epoch"]), int(state_dict["num_yielded"])
        if "loader" in state_dict:
            self.loader.load_state_dict(state_dict["loader"])


@contextmanager
def _own_generators(*seeds: int) -> Iterator[None]:
    """The global generators of Python, numpy and torch (CPU) seeded for the block, and as they were after it."""
    python, legacy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  augmentations of other people draw from it
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(cpu)
