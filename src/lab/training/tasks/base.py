"""The interface of a task: how its data are read, its model is built, and its test is evaluated.

Each task is a subclass of `TaskDefinition` in this folder. All other code of this room works with any task.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from lab.callbacks import freeze
from lab.callbacks.gradient_accumulation import accumulation
from lab.config.metric_direction import direction
from lab.config.schema import Config, Plateau
from lab.config.schema.node import Mode
from lab.core.batches import Spec
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.core.reference.content import Reference
from lab.data.datamodule import DataModule
from lab.models.series.interfaces import Net
from lab.models.task_module import TaskModule, Training
from lab.models.text.interfaces import TextEncoder
from lab.training.baselines.base import Baseline, SplitRows
from lab.training.baselines.fitted import SimpleModel
from lab.training.doubt.novelty import Novelty
from lab.training.evaluation.base import EvaluationResult, HeldOut
from lab.training.run_length import MOST_EPOCHS, epoch_end_steps, refuse_misplaced_validations

log = logging.getLogger(__name__)
Sample = Callable[[int], Any]
"""A function from n to a batch of n training rows, or all rows if there are fewer; the same for equal seeds."""
SpecT = TypeVar("SpecT", bound=Spec)
DataT = TypeVar("DataT", bound=DataModule[Any])
ModelT = TypeVar("ModelT", bound=TaskModule)


class TaskDefinition(ABC, Generic[SpecT, DataT, ModelT]):
    """A task. It has no state: its methods return data and models."""

    spec_type: type[SpecT]
    """The class of spec that models of this task are built from."""

    @abstractmethod
    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> DataT:
        """The data module of a run, with its spec; its `setup` creates the rows.

        fresh: a new run, which writes its tokenizer to `folder`; otherwise the tokenizer is read from there. Raises
        RequestError for every mistake in the data, and where data and model do not fit together.
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
        """Pass to the model what its scores need from the data besides the batches."""

    def attach_base(self, config: Config, model: ModelT, data: DataT, folder: RunFolder, fresh: bool) -> None:
        """Give the rows their logits of the simple model that `model.base` names, and a new model that base."""

    @abstractmethod
    def evaluate(self, model: ModelT, data: DataT) -> EvaluationResult:
        """The result of the test that has just run."""

    def baselines(self, data: DataT, rows: SplitRows) -> Iterable[Baseline]:
        """Baselines that need no fit, scored on some rows of `val` and `test`. None for a task without labels."""
        return ()

    def simple_models(self, config: Config, model: ModelT, data: DataT, rows: SplitRows) -> Iterable[SimpleModel]:
        """Baselines that are fitted to the training rows and scored on some rows of `val` and `test`."""
        return ()

    def reference(self, data: DataT) -> Reference | None:
        """What the rows of the run are like, without predictions, for reference.json; None for a task whose
        predictions are not compared."""
        return None

    def held_out(self, model: ModelT, data: DataT, outputs: Sequence[Any]) -> HeldOut | None:
        """Predictions on the validation rows, for a task whose heads have probabilities.

        outputs: of `predict_step`, batch by batch.
        """
        return None

    def novelty(self, data: DataT, val: HeldOut) -> Novelty | None:
        """The limits of rows that are like those of training; None for a task without such limits."""
        return None

    def identity(self, data: DataT, split: str, rows: npt.NDArray[np.int64]) -> Mapping[str, Sequence[object]]:
        """Columns that show a person which rows are meant, (N,) each. rows: (N,) places in the split."""
        return {"row": rows.tolist()}

    def source_rows(self, data: DataT, split: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The numbers (N,) of rows of a split in what was read, by which the splits of several runs are joined."""
        return rows

    def time_blocks(self, data: DataT, split: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """The blocks of time (N,) that rows of a split belong to, for resampling; None where rows are independent."""
        return None

    def spec_of(self, data: DataT) -> Spec:
        """Everything that a model has to know about the data."""
        return data.spec

    def setup(self, data: DataT, stage: str) -> None:
        """Make the rows of a stage (`fit` or `test`) before the model is built."""
        data.setup(stage)

    def facts(self, config: Config, data: DataT) -> dict[str, object]:
        """`data` of run.json: at least `name`, and a `fingerprint` that is equal for equal content."""
        return {"name": data.name, "fingerprint": data.fingerprint, **data.facts}

    def fingerprint(self, config: Config, data: DataT) -> str:
        """Equal for equal content. Needs no rows, unlike the other facts."""
        return data.fingerprint

    def is_tested(self, model: ModelT, data: DataT) -> bool:
        """Return whether there is a test to run."""
        return True

    def cacheable_part(self, model: ModelT) -> TextEncoder | Net | None:
        """The encoder or net whose frozen layers `cache.hidden_states` may compute once; None if there is none."""
        return None


@dataclass(frozen=True)
class Material:
    """The task, the data and the model of a run."""

    task: TaskDefinition[Any, Any, Any]
    data: DataModule[Any]
    model: TaskModule

    @property
    def cacheable_part(self) -> tuple[TextEncoder | Net, Mapping[str, Any]] | None:
        """The encoder or net whose hidden states may be cached, and the rows of each split; None if there is none."""
        part = self.task.cacheable_part(self.model)
        return None if part is None else (part, self.data.rows)

    @property
    def spec(self) -> Spec:
        """Everything that the model knows about the data."""
        return self.task.spec_of(self.data)

    def facts(self, config: Config) -> dict[str, object]:
        """The facts about the data: `data` of run.json."""
        return self.task.facts(config, self.data)

    def num_epochs(self, config: Config) -> int:
        """Length of the run in epochs; of a custom module what the config allows at most."""
        if isinstance(self.model, TaskModule):
            return len(self.model.training_plan.epoch_ends)
        return 1 if config.trainer.fast_dev_run else config.trainer.max_epochs or MOST_EPOCHS

    @property
    def scored_rows(self) -> SplitRows:
        """The places of the rows that a validation and the test read; empty for data whose rows `lab` does not know."""
        if not isinstance(self.data, DataModule):
            return {}
        return {split: self.data.evaluated_rows(split) for split in ("val", "test")}

    def evaluate(self) -> EvaluationResult:
        """The result of the test that has just run on the model."""
        return self.task.evaluate(self.model, self.data)

    def is_tested(self) -> bool:
        """Return whether there is a test to run."""
        return self.task.is_tested(self.model, self.data)


def refuse_other_data(key: str, record: Mapping[str, Any], config: Config, material: Material, run: RunFolder) -> None:
    """Raises RequestError if the data differ from those that the run was trained on. key: `test` or `resume`."""
    if (record.get("data") or {}).get("fingerprint") != material.task.fingerprint(config, material.data):
        problem = "the data have changed since this run, so its epochs and scores would be of other rows"
        raise RequestError(Mistake(key, problem, "restore the data files, or start a new run", run.path))


def apply_freezing(config: Config, model: TaskModule, epoch: int = 0) -> TaskModule:
    """Freeze the model as in `epoch` (0-based), and return it. Raises RequestError if it has too few layers."""
    freezing = config.callbacks.freeze
    embeddings, layers = model.freezable() if isinstance(model, freeze.Freezable) else ([], [])
    settings = (freezing.embeddings, freezing.layers, freezing.schedule)
    mistakes = freeze.mistakes(len(embeddings), len(layers), *settings)
    if mistakes:
        raise RequestError(mistakes)
    freeze.apply(model, *freeze.frozen_layers(epoch, *settings))
    return model


def accumulation_schedule(config: Config) -> Callable[[int], int]:
    """A function from an epoch to its number of micro-batches per optimizer step."""
    schedule = config.callbacks.accumulate.schedule
    return partial(accumulation, batches=config.trainer.accumulate_grad_batches, schedule=schedule)


def initial_training_plan(config: Config) -> Training:
    """How a model is trained, without the length of its epochs: only the data know that (`timed`)."""
    extra = {name: each.node for name, each in config.metrics.extra.items()}
    return Training(config.optimizer, config.scheduler, (), config.seed, _watched(config), extra)


def _watched(config: Config) -> tuple[str, Mode]:
    """The metric that the schedule watches, and its direction."""
    schedule, goal = config.scheduler, config.objective
    if not isinstance(schedule, Plateau) or schedule.metric is None:
        return goal.metric, goal.mode
    extra = {name: each.node for name, each in config.metrics.extra.items()}
    mode = schedule.mode or direction(schedule.metric, extra)
    assert mode is not None, f"a rule requires scheduler.mode with {schedule.metric}"
    return schedule.metric, mode


def with_epoch_ends(config: Config, material: Material) -> Material:
    """The material, whose model knows the optimizer step at which each epoch of its data ends.

    Raises RequestError as `refuse_misplaced_validations`."""
    if not isinstance(material.model, TaskModule):
        return material  # a custom module has a schedule of its own
    num_batches, most = material.data.num_batches(), config.trainer.max_steps
    refuse_misplaced_validations(config, num_batches)
    ends = epoch_end_steps(config, num_batches)
    if most is not None and ends[-1] < most:
        log.info("%d epochs end after %d optimizer steps, before trainer.max_steps=%d", len(ends), ends[-1], most)
    material.model.training_plan = replace(material.model.training_plan, epoch_ends=ends)
    return material


def check_metrics(config: Config, names: Iterable[str]) -> None:
    """Raises RequestError if the metric of the objective, of early stopping or of the schedule is not in `names`."""
    mistakes, names = [], sorted(set(names))
    for key, metric in (
        ("objective.metric", config.objective.metric),
        ("callbacks.early_stopping.metric", config.callbacks.early_stopping.metric),
        ("scheduler.metric", config.scheduler.metric if isinstance(config.scheduler, Plateau) else None),
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
