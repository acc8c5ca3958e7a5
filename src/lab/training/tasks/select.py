"""The task of a run follows from its data: which module prepares what it works on.

A task's libraries are imported when it is asked for, so that a run pays for its own task only.
"""

from lab.config.schema import Config, Questions, Series
from lab.core.record.run_folder import RunFolder
from lab.training.build.trainer import Hardware
from lab.training.tasks.base import Material


def prepare(config: Config, folder: RunFolder, where: Hardware, fresh: bool) -> Material:
    """Data and model. fresh=False: made from what `folder` holds, for a checkpoint to fill.

    Raises RequestError for whatever is wrong with data, weights or what the two ask of each other.
    """
    if isinstance(config.data, Questions):
        from lab.training.tasks.question_answering import prepare_questions

        return prepare_questions(config, folder, where, fresh)
    if isinstance(config.data, Series):
        from lab.training.tasks.series_classification import prepare_series

        return prepare_series(config, where, fresh)
    from lab.training.tasks.text_classification import prepare_labelled

    return prepare_labelled(config, folder, where, fresh)
