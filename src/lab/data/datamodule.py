"""The base of the data modules: the three splits of a data set as loaders, for Lightning's Trainer and the finders.

A subclass reads one kind of data and gives its spec, the facts for the record, and the rows of a split. `setup` makes
the rows of a stage once. Batches are drawn by `lab.data.batch_sampler`, a pure function of (seed, epoch).
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from lab.config.schema import Cache, Data
from lab.core.batches import Batch, Spec
from lab.core.errors import Mistake, RequestError
from lab.data.batch_sampler import Draw, EvalDraws, TrainDraws
from lab.data.cache.store import prune
from lab.data.dataloader import Loader

log = logging.getLogger(__name__)
RowsT = TypeVar("RowsT", bound=Dataset[Any])
SPLITS: Mapping[str, tuple[str, ...]] = {
    "fit": ("train", "val"), "validate": ("val",), "test": ("test",), "predict": (),
}  # fmt: skip
"""The splits that each stage of the Trainer reads."""


class DataModule(pl.LightningDataModule, ABC, Generic[RowsT]):
    """The splits `train`, `val` and `test` of one data set.

    name: name of the data set; fingerprint: equal for equal content; config: batch sizes and loader settings;
    accumulation: epoch -> micro-batches per optimizer step; seed: determines the order of training rows.
    """

    spec: Spec
    """Everything that a model has to know about the data."""
    max_tokens: int | None = None
    """Most padded tokens of a training batch; None: only `batch_size` limits it."""
    limits: Mapping[str, int | float] = MappingProxyType({})
    """Batches of a split in a pass, as a number or as a share of all; all where it is not named."""
    repeats = False
    """Whether every epoch has the training batches of the first one."""
    num_ranks = 1
    """Processes that share each batch; `batch_size` is of one of them. The Trainer that the module is attached to knows
    it, and it is set before there is one: the number of batches follows from it."""
    width_multiple = 1
    """Batches of tokens that have padding are padded to a multiple of it. Set it before `setup`."""
    cache: Cache | None = None
    """Settings of the disk cache that contains the rows; None: rows are not kept on disk."""

    def __init__(
        self,
        name: str,
        fingerprint: str,
        config: Data,
        accumulation: Callable[[int], int],
        seed: int,
        pin_memory: bool,
    ) -> None:
        super().__init__()
        self.name, self.fingerprint = name, fingerprint
        self.loading, self.accumulation, self.seed, self.pin_memory = config, accumulation, seed, pin_memory
        self.batch_size = config.batch_size
        """Rows of a training micro-batch; the batch finder sets it before the loaders are made."""
        self.num_workers = 0 if config.num_workers == "auto" else config.num_workers
        """Processes that load batches; what `auto` means on this machine is set before the loaders are made."""
        self.rows: dict[str, RowsT] = {}
        """The rows of each split that `setup` has made."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, object]:
        """Plain values about the data for the record. Needs `setup("fit")`."""

    @abstractmethod
    def summary(self) -> str:
        """One line about the training rows for the terminal. Needs `setup("fit")`."""

    @abstractmethod
    def make_rows(self, split: str) -> RowsT:
        """The rows of one split as a data set that takes a `Draw` and gives its batch."""

    @abstractmethod
    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        """Length of each row of a split, (rows,), in the unit that padding costs."""

    def setup(self, stage: str) -> None:
        """Make the rows of a stage (`fit`, `validate` or `test`) that are not made yet."""
        missing = [split for split in SPLITS[stage] if split not in self.rows]
        self.rows |= {split: self.make_rows(split) for split in missing}
        if missing and self.cache is not None:
            prune(Path(self.cache.dir).expanduser(), self.cache.max_gib)
        if "train" in missing:
            log.info("%s", self.summary())

    def train_dataloader(self) -> Loader:
        return self._loader("train", self.train_draws())

    def val_dataloader(self) -> Loader:
        return self._loader("val", self._eval_draws("val"))

    def test_dataloader(self) -> Loader:
        return self._loader("test", self._eval_draws("test"))

    def evaluated_rows(self, split: str) -> npt.NDArray[np.int64]:
        """Return the places of the rows that a pass over `val` or `test` reads, ascending. Needs its `setup`."""
        return np.sort(self._eval_draws(split).order)

    def _eval_draws(self, split: str) -> EvalDraws:
        size, limit = self.loading.eval_batch_size, self.limits.get(split, 1.0)
        return EvalDraws(self.lengths(split), size, limit, self._rank(), self.num_ranks)

    def _rank(self) -> int:
        """The number of this process among those that share each batch."""
        if self.trainer is None:
            return 0
        self.num_ranks = self.trainer.world_size
        return self.trainer.global_rank

    def state_dict(self) -> dict[str, Any]:
        """Return the identity of the data and the batch size. The loader stores the position within an epoch."""
        return {"fingerprint": self.fingerprint, "batch_size": self.batch_size}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the batch size of a checkpoint. Raises RequestError for a checkpoint of other data."""
        if state_dict.get("fingerprint") != self.fingerprint:
            problem = f"the checkpoint was written while training on other data than {self.name}"
            raise RequestError(Mistake("resume", problem, "the data of that run, or a new run"))
        self.batch_size = int(state_dict["batch_size"])

    def train_draws(self) -> TrainDraws:
        """Return the sampler of the training batches."""
        return TrainDraws(
            self.lengths("train"), self.batch_size, self.accumulation, self.seed, self.max_tokens, self._rank(),
            self.num_ranks, self.limits.get("train", 1.0), self.repeats,
        )  # fmt: skip

    def num_batches(self) -> int:
        """Return the number of training micro-batches per epoch."""
        return len(self.train_draws())

    def whole_windows(self) -> Loader:
        """Return a loader of training batches in which each batch is a whole accumulation window."""
        draws = TrainDraws(
            self.lengths("train"), self.batch_size, lambda _: 1, self.seed, self.max_tokens,
            limit=self.limits.get("train", 1.0), repeats=self.repeats,
        )  # fmt: skip
        return Loader(self.rows["train"], draws, 0, False, False)

    def longest(self, size: int) -> Batch:
        """Return a training batch of the `size` longest rows, repeated if there are fewer: the peak of memory."""
        order = np.argsort(-self.lengths("train").astype(np.int64), kind="stable")
        rows = np.resize(order, size)
        batch: Batch = self.rows["train"][Draw(rows, rows)]
        return batch

    def sample(self, size: int) -> Batch:
        """Return a batch of `size` training rows (all rows if there are fewer), drawn by the seed."""
        rows = np.sort(np.random.default_rng((self.seed, size)).permutation(len(self.lengths("train")))[:size])
        batch: Batch = self.rows["train"][Draw(rows, rows)]
        return batch

    def _loader(self, split: str, draws: TrainDraws | EvalDraws) -> Loader:
        config = self.loading
        return Loader(self.rows[split], draws, self.num_workers, self.pin_memory, config.persistent_workers)
