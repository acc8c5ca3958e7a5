"""The task of a run follows from its data and model. This module dispatches to it.

The modules of a task are imported when a run needs them, so that a run pays for its own task only.
"""

from typing import Any

from lab.config.schema import Config, Questions, Series, TimerXL
from lab.core.batches import Spec
from lab.core.record.run_folder import RunFolder
from lab.data.datamodule import DataModule
from lab.models.task_module import TaskModule
from lab.training.build.trainer import Hardware, pinned
from lab.training.run_length import batch_limits
from lab.training.tasks.base import Material, Sample, TaskDefinition, timed


def task_of(config: Config) -> TaskDefinition[Any, Any, Any]:
    """The task of a run with this config."""
    if isinstance(config.data, Questions):
        from lab.training.tasks.question_answering import QuestionAnswering

        return QuestionAnswering()
    if isinstance(config.data, Series):
        if isinstance(config.model, TimerXL) and config.model.pretrain:
            from lab.training.tasks.series_pretraining import SeriesPretraining

            return SeriesPretraining()
        from lab.training.tasks.series_classification import SeriesClassification

        return SeriesClassification()
    from lab.training.tasks.text_classification import TextClassification

    return TextClassification()


def load_data(config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> DataModule[Any]:
    """The data module of a run; see `TaskDefinition.load_data`."""
    data: DataModule[Any] = task_of(config).load_data(config, folder, pin_memory, fresh)
    return data


def build_model(config: Config, spec: Spec, folder: RunFolder, fresh: bool, sample: Sample | None = None) -> TaskModule:
    """The model of a run, built without its data; see `TaskDefinition.build_model`."""
    model: TaskModule = task_of(config).build_model(config, spec, folder, fresh, sample)
    return model


def prepare(config: Config, folder: RunFolder, where: Hardware, fresh: bool, trains: bool = True) -> Material:
    """Task, data and model of a run. fresh=False: made from the files of `folder`, for a checkpoint to fill.

    trains: False for a run that is only tested, which needs neither training rows nor the length of its epochs. Raises
    RequestError for everything that is wrong with the data or the weights, or that they require of each other.
    """
    data = load_data(config, folder, pinned(config, where), fresh)
    data.limits, data.repeats = batch_limits(config), bool(config.trainer.overfit_batches)
    for stage in ("fit", "test") if trains else ("test",):
        data.setup(stage)
    model = build_model(config, data.spec, folder, fresh, data.sample if fresh else None)
    task = task_of(config)
    task.connect(model, data)
    material = Material(task, data, model)
    return timed(config, material) if trains else material
