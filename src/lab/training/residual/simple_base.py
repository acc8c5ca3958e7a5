"""The simple model below a network: fitted once per data set, kept in the run folder, its logits given to every row.

The network learns what the simple model misses. A training row therefore has out-of-fold logits: a model that was
fitted to the row leaves no error to learn from. Model and out-of-fold logits are kept in the cache, so that runs of
other seeds and settings share them. Nothing is pickled: safetensors and JSON.
Cost: the fit of `model=linear` and five more fits.
"""

import filecmp
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file

from lab.config.schema import Cache
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable
from lab.core.locks import Taken
from lab.core.record.run_folder import RunFolder
from lab.data.datamodule import DataModule
from lab.models.classifier import Classifier
from lab.models.linear.series import SeriesLinear
from lab.models.linear.text import TextLinear
from lab.training.baselines import stored
from lab.training.residual.confidence import ConfidenceWeights

log = logging.getLogger(__name__)
VERSION = 9
"""Part of every key of the cache: a change in what a base is makes stored ones invalid."""
SEED = 0
"""Of the fits and folds: runs with other seeds have the same base."""
MOST_WAITED_S = 1800.0
"""Seconds of waiting for another run that makes the same base."""
OUT_OF_FOLD = "out_of_fold.safetensors"
WHOLE = "a whole run folder"
LogitsByHead = Mapping[str, npt.NDArray[np.float32]]
DataT = TypeVar("DataT", bound=DataModule[Any])
ModelT = TypeVar("ModelT", TextLinear, SeriesLinear)


class SimpleBase(ABC, Generic[DataT, ModelT]):
    """How the simple model of one kind of data is fitted and read."""

    model_type: type[ModelT]

    @abstractmethod
    def fit(self, data: DataT) -> ModelT:
        """A model of the training rows, chosen and calibrated on the validation rows."""

    @abstractmethod
    def out_of_fold(self, model: ModelT, data: DataT) -> LogitsByHead:
        """Per head (N, K): logits of the training rows, each from a model that was fitted without it."""

    @abstractmethod
    def labels(self, data: DataT) -> Mapping[str, npt.NDArray[np.int64]]:
        """Per head (N,): labels of the training rows, in the order of `out_of_fold`."""

    @abstractmethod
    def logits(self, model: ModelT, data: DataT, split: str) -> LogitsByHead:
        """Per head (N, K): logits of the rows of a split."""

    def attach(
        self, classifier: Classifier, data: DataT, folder: RunFolder, cache: Cache, fresh: bool, confidence: float = 0.0
    ) -> None:
        """Give the rows of all splits that are read their logits, and a new model its base.

        fresh: a new run, which keeps the base in its folder; otherwise the classifier has it from there; confidence:
        `model.confidence_weighting`.
        """
        entry, place = None, Path(cache.dir).expanduser()
        if fresh or "train" in data.rows:
            entry = self._entry(data, place)
            if not fresh and not _are_equal(folder.base, entry):
                entry = self._entry_of(folder.base, data, place)
        if fresh:
            assert entry is not None
            model = self.model_type.load(entry)
            folder.base.mkdir(exist_ok=True)
            model.save(folder.base)
            classifier.start_from(model)
        for split, rows in data.rows.items():
            if split == "train":
                assert entry is not None
                rows.base = load_file(entry / OUT_OF_FOLD)
                classifier.row_weights = self._row_weights(rows.base, data, confidence)
            else:
                assert isinstance(classifier.base, self.model_type)
                rows.base = self.logits(classifier.base, data, split)

    def _row_weights(self, logits: LogitsByHead, data: DataT, power: float) -> dict[str, ConfidenceWeights]:
        """By head; empty where all labels count the same."""
        if not power:
            return {}
        labels = {head: torch.from_numpy(each.astype(np.int64)) for head, each in self.labels(data).items()}
        return {head: ConfidenceWeights(torch.from_numpy(each), labels[head], power) for head, each in logits.items()}

    def load(self, folder: RunFolder) -> ModelT:
        """The base of a run. Raises RequestError where it is missing or damaged."""
        try:
            return self.model_type.load(folder.base)
        except (OSError, Unreadable) as error:
            problem = f"the simple model of model.base cannot be read: {error}"
            raise RequestError(Mistake("run", problem, WHOLE, folder.path)) from error

    def _entry(self, data: DataT, cache: Path) -> Path:
        """The folder in the cache with the model and the out-of-fold logits, which are made where there are none."""
        key = {"version": VERSION, "data": data.fingerprint, "name": "base", "kind": self.model_type.__name__}

        def fill(aside: Path) -> None:
            log.info("model.base: fitting the simple model and its out-of-fold logits of the training rows")
            model = self.fit(data)
            model.save(aside)
            save_file(dict(self.out_of_fold(model, data)), aside / OUT_OF_FOLD)

        return _stored(cache, key, fill)

    def _entry_of(self, base: Path, data: DataT, cache: Path) -> Path:
        """As `_entry`, for the base of a run that an earlier version fitted otherwise."""
        key = {"version": VERSION, "data": data.fingerprint, "name": "base", "of": _digest(base)}

        def fill(aside: Path) -> None:
            log.info("model.base: fitting out-of-fold logits of the training rows for the run's own simple model")
            save_file(dict(self.out_of_fold(self.model_type.load(base), data)), aside / OUT_OF_FOLD)

        return _stored(cache, key, fill)


def _stored(cache: Path, key: Mapping[str, Any], fill: Callable[[Path], object]) -> Path:
    """As `stored.entry`; another run that makes the entry for too long is no longer waited for."""
    try:
        return stored.entry(cache, key, fill, patience=stored.Patience(MOST_WAITED_S))
    except Taken as other:
        log.info("model.base: %s has not made it in %g s, so this run makes it, too", other, MOST_WAITED_S)
        return stored.entry(cache, key, fill, waits=False)


def _digest(base: Path) -> str:
    content = hashlib.blake2b(digest_size=16)
    for path in sorted(base.iterdir()):
        content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()


def _are_equal(base: Path, entry: Path) -> bool:
    """Whether the simple model of a run is the one of an entry of the cache."""
    names = sorted(path.name for path in base.iterdir())
    return sorted(filecmp.cmpfiles(base, entry, names, shallow=False)[0]) == names
