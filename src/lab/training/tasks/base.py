"""The parts of a task: how its data are read, its model is built, and its test is evaluated.

A task is one `TaskDefinition` (`lab.training.tasks.text_classification` for label columns of texts). All other code of
this room works on any task.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from lab.callbacks import freeze
from lab.callbacks.gradient_accumulation import accumulation
from lab.config.schema import Config
from lab.core.batches import Spec
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.data.datamodule import DataModule
from lab.models.series.interfaces import Net
from lab.models.task_module import TaskModule, Training
from lab.models.text.interfaces import TextEncoder
from lab.training.evaluation.base import Tested
from lab.training.run_length import ends_of_epochs, refuse_misplaced_validations

log = logging.getLogger(__name__)
Sample = Callable[[int], Any]
"""n -> n training rows as one batch, all of them if there are fewer; equal for equal seeds."""
SpecT = TypeVar("SpecT", bound=Spec)
DataT = TypeVar("DataT", bound=DataModule[Any])
ModelT = TypeVar("ModelT", bound=TaskModule)


class TaskDefinition(ABC, Generic[SpecT, DataT, ModelT]):
    """One task. It has no state: data and models are its results."""

    spec_type: type[SpecT]
    """The kind of spec that models of this task are built from."""

    @abstractmethod
    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> DataT:
        """The data module of a run, with its spec; rows are made by its `setup`.

        fresh: a new run, which writes its tokenizer to `folder`; otherwise it is read from there. Raises RequestError
        for everything that is wrong with the data, or that they and the model require of each other.
        """

    @abstractmethod
    def build_model(
        self, config: Config, spec: SpecT, folder: RunFolder, fresh: bool, sample: Sample | None = None
    ) -> ModelT:
        """A model in training mode, fp32, on the CPU. It needs no data.

        fresh: a new run, which loads pretrained weights and writes the architecture to `folder`; otherwise a checkpoint
        will fill the model, which is rebuilt from `folder`. sample: training rows of a new run for the parts that are
        fitted to data. Raises RequestError for missing weights, or a model that does not fit the spec.
        """

    def connect(self, model: ModelT, data: DataT) -> None:
        """Give the model what its scores need of the data, besides the batches."""

    @abstractmethod
    def evaluate(self, model: ModelT, data: DataT) -> Tested:
        """The result of the test that has just run."""

    def cuttable(self, model: ModelT) -> TextEncoder | Net | None:
        """The part of the model whose frozen layers `cache.hidden_states` may compute once; None if there is none."""
        return None


@dataclass(frozen=True)
class Material:
    """The task of a run with its data and its model."""

    task: TaskDefinition[Any, Any, Any]
    data: DataModule[Any]
    model: TaskModule

    @property
    def cuttable(self) -> tuple[TextEncoder | Net, Mapping[str, Any]] | None:
        """Encoder or net, and the rows of each split that `cache.hidden_states` may serve; None if there are none."""
        part = self.task.cuttable(self.model)
        return None if part is None else (part, self.data.rows)

    def evaluate(self) -> Tested:
        """The result of the test that has just run on the model."""
        return self.task.evaluate(self.model, self.data)


def data_facts(material: Material) -> dict[str, object]:
    """The record's `data`."""
    data = material.data
    return {"name": data.name, "fingerprint": data.fingerprint, **data.facts}


def refuse_other_data(key: str, record: Mapping[str, Any], material: Material, run: RunFolder) -> None:
    """Raises RequestError unless the data are those that the recorded run was trained on."""
    if (record.get("data") or {}).get("fingerprint") != material.data.fingerprint:
        problem = "the data has changed since this run, so neither its epochs nor its scores would be of the same rows"
        raise RequestError(Mistake(key, problem, "bring the files back as they were, or start a new run", run.path))


def frozen_in(config: Config, model: TaskModule, epoch: int = 0) -> TaskModule:
    """The model with the freezing of `epoch` (0-based) applied. Raises RequestError if it has fewer layers."""
    chosen = config.callbacks
    embeddings, layers = model.freezable()
    settings = (chosen.freeze.embeddings, chosen.freeze.layers, chosen.freeze.schedule)
    mistakes = freeze.mistakes(len(embeddings), len(layers), *settings)
    if mistakes:
        raise RequestError(mistakes)
    freeze.apply(model, *freeze.frozen_layers(epoch, *settings))
    return model


def accumulation_of(config: Config) -> Callable[[int], int]:
    """epoch -> micro-batches per optimizer step."""
    schedule = config.callbacks.accumulate.schedule
    return partial(accumulation, batches=config.trainer.accumulate_grad_batches, schedule=schedule)


def untimed_plan(config: Config) -> Training:
    """How a model is trained, without the length of its epochs: only the data know that (`timed`)."""
    return Training(config.optimizer, config.scheduler, (), config.seed)


def timed(config: Config, material: Material) -> Material:
    """The material, whose model knows the optimizer step at which each epoch of its data ends.

    Raises RequestError as `refuse_misplaced_validations`."""
    num_batches, most = material.data.num_batches(), config.trainer.max_steps
    refuse_misplaced_validations(config, num_batches)
    ends = ends_of_epochs(config, num_batches)
    if most is not None and ends[-1] < most:
        log.info("%d epochs end after %d optimizer steps, before trainer.max_steps=%d", len(ends), ends[-1], most)
    material.model.training_plan = replace(material.model.training_plan, epoch_ends=ends)
    return material


def check_metrics(config: Config, names: Iterable[str]) -> None:
    """Raises RequestError if the metric of the objective or of early stopping is not among `names`."""
    mistakes, names = [], sorted(set(names))
    for key, metric in (
        ("objective.metric", config.objective.metric),
        ("callbacks.early_stopping.metric", config.callbacks.early_stopping.metric),
    ):
        if metric is not None and not _is_logged(metric, names):
            remedy = f"{key}=val/{'f1_macro' if 'f1_macro' in names else names[0]}"
            mistakes.append(Mistake(key, f"no such metric; there are {', '.join(names)}", remedy, metric))
    if mistakes:
        raise RequestError(mistakes)


def _is_logged(metric: str, names: Sequence[str]) -> bool:
    """Return whether a metric is logged. Training has no `auc`, since its rows are not ranked."""
    split, _, name = metric.partition("/")
    if split == "train":
        return name in names and name.split("/")[-1] != "auc"
    return (name if split == "val" else metric) in names
