"""What a run works on, whatever its task: loaders, a model, what the record says of the data, and how a test is read.

A task gives its own `Material` (`lab.training.tasks.text_classification` for label columns of texts); all else in this
room is blind to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from torch.utils.data import DataLoader

from lab.callbacks import freeze
from lab.callbacks.gradient_accumulation import epoch_ends
from lab.config.schema import Config
from lab.core.batches import Batch
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.data.dataloader import TokenRows
from lab.data.series.datamodule import SeriesRows
from lab.models.series.interfaces import Net
from lab.models.task_module import TaskModule
from lab.models.text.interfaces import TextEncoder
from lab.training.evaluation.base import Tested


class Loaders(Protocol):
    """The three splits as batches. A loader resumes in the middle of an epoch (`lab.data.dataloader.Loader`)."""

    batch_size: int
    """Rows of a training micro-batch; the batch finder sets it before the loaders are made."""

    def train_loader(self) -> DataLoader[Any]: ...

    def val_loader(self) -> DataLoader[Any]: ...

    def test_loader(self) -> DataLoader[Any]: ...

    def num_batches(self) -> int:
        """Training micro-batches of an epoch."""
        ...

    def longest(self, size: int) -> Batch:
        """One training batch of the `size` longest rows, repeated where there are fewer: the worst case for memory."""
        ...

    def whole_windows(self) -> Iterable[Batch]:
        """Training batches from the start each time, each a whole accumulation window: its loss is not a part."""
        ...


class Material(ABC):
    """Everything but the Trainer. name and fingerprint are the data's: equal content gives equal fingerprints."""

    data: Loaders
    model: TaskModule
    name: str
    fingerprint: str

    @property
    @abstractmethod
    def facts(self) -> dict[str, object]:
        """The record's `data`, beside name and fingerprint."""

    @abstractmethod
    def metric_names(self) -> Iterator[str]:
        """Names that a validation logs, without the split."""

    @abstractmethod
    def tested(self) -> Tested:
        """What the test that has just run on `model` came to."""

    @property
    def cuttable(self) -> tuple[TextEncoder | Net, Mapping[str, TokenRows] | Mapping[str, SeriesRows]] | None:
        """Encoder or net, and the rows of each split that `cache.hidden_states` may serve; None where a task has no
        such.
        """
        return None


def data_facts(material: Material) -> dict[str, object]:
    """The record's `data`."""
    return {"name": material.name, "fingerprint": material.fingerprint, **material.facts}


def refuse_other_data(key: str, record: Mapping[str, Any], material: Material, run: RunFolder) -> None:
    """Raises RequestError unless the data is what the recorded run was trained on."""
    if (record.get("data") or {}).get("fingerprint") != material.fingerprint:
        problem = "the data has changed since this run, so neither its epochs nor its scores would be of the same rows"
        raise RequestError(Mistake(key, problem, "bring the files back as they were, or start a new run", run.path))


def frozen_in(config: Config, model: TaskModule, epoch: int = 0) -> TaskModule:
    """The model with the freezing of `epoch` (0-based) applied. Raises RequestError when it has fewer layers."""
    chosen = config.callbacks
    embeddings, layers = model.freezable()
    settings = (chosen.freeze.embeddings, chosen.freeze.layers, chosen.freeze.schedule)
    found = freeze.mistakes(len(embeddings), len(layers), *settings)
    if found:
        raise RequestError(found)
    freeze.apply(model, *freeze.frozen_layers(epoch, *settings))
    return model


def ends_of_epochs(config: Config, num_batches: int) -> tuple[int, ...]:
    """The optimizer step at which each epoch of `num_batches` micro-batches ends."""
    steps = config.callbacks.accumulate
    return epoch_ends(num_batches, config.trainer.max_epochs, steps.batches, steps.schedule)


def check_metrics(config: Config, names: Iterable[str]) -> None:
    """Metric names of the objective and of early stopping must be among `names`. Raises RequestError."""
    found, names = [], sorted(set(names))
    for key, metric in (
        ("objective.metric", config.objective.metric),
        ("callbacks.early_stopping.metric", config.callbacks.early_stopping.metric),
    ):
        if metric is not None and not _is_logged(metric, names):
            remedy = f"{key}=val/{'f1_macro' if 'f1_macro' in names else names[0]}"
            found.append(Mistake(key, f"no such metric; there are {', '.join(names)}", remedy, metric))
    if found:
        raise RequestError(found)


def _is_logged(metric: str, names: Sequence[str]) -> bool:
    """Training rows are not ranked, so there is no area under their curve."""
    split, _, name = metric.partition("/")
    if split == "train":
        return name in names and name.split("/")[-1] != "auc"
    return (name if split == "val" else metric) in names
