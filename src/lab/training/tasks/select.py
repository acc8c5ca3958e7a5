"""Selects the task of a run from its data and model, and calls it.

The module of a task is imported when a run needs it, so that a run imports its own task only.
"""

from typing import Any

from lab.config.schema import Config, CustomData, Data, Questions, Series, TimerXL
from lab.core.batches import Spec
from lab.core.processes.world import num_ranks
from lab.core.record.run_folder import RunFolder
from lab.data.datamodule import DataModule
from lab.models.task_module import TaskModule
from lab.training.build.loading import loader_processes, pinned, width_multiple
from lab.training.build.trainer import Hardware
from lab.training.run_length import batch_limits
from lab.training.tasks.base import Material, Sample, TaskDefinition, with_epoch_ends


def task_of(config: Config) -> TaskDefinition[Any, Any, Any]:
    """The task of a run with this config."""
    if isinstance(config.data, CustomData):
        from lab.training.tasks.custom import CustomTask

        return CustomTask()
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


def prepare(
    config: Config, folder: RunFolder, where: Hardware, fresh: bool, trains: bool = True, reads_tokenizer: bool = False
) -> Material:
    """The task, data and model of a run. fresh=False: built from the files of `folder`; a checkpoint fills the model.

    trains: False for a run that is only tested, which needs no training rows and no length of its epochs;
    reads_tokenizer: a new model reads the tokenizer of `folder`, as a second fit of a run does. Raises RequestError for
    every mistake in the data or weights, and where they do not fit together.
    """
    task = task_of(config)
    data = load_data(config, folder, pinned(config, where), fresh and not reads_tokenizer)
    if isinstance(data, DataModule):  # of a custom one the Trainer limits the batches
        data.limits, data.repeats = batch_limits(config), bool(config.trainer.overfit_batches)
        assert isinstance(config.data, Data)
        data.num_workers = loader_processes(config.data, data.spec, where)
        data.width_multiple = width_multiple(where)
        data.num_ranks = num_ranks(config.trainer.devices, config.trainer.num_nodes) if trains else 1
    for stage in ("fit", "test") if trains else ("test",):
        task.setup(data, stage)
    sample = data.sample if fresh and isinstance(data, DataModule) else None
    model = build_model(config, task.spec_of(data), folder, fresh, sample)
    task.connect(model, data)
    task.attach_base(config, model, data, folder, fresh)
    material = Material(task, data, model)
    return with_epoch_ends(config, material) if trains else material
