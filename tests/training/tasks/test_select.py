"""The task of a run follows from its data and model; a model is built from a spec alone."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Config
from lab.core.batches import HeadSpec, SeriesSpec
from lab.core.record.run_folder import RunFolder
from lab.training.tasks.select import build_model, task_of

CONF = Path(__file__).parents[3] / "conf"
PRETRAINING = ["data=rainfall", "model=timer_xl", "model.pretrain=true", "model.causal=true",
               "data.missing_values=drop", "objective.metric=val/loss", "objective.mode=min"]  # fmt: skip


def config(*overrides: str) -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", list(overrides)))


@pytest.mark.parametrize(
    ("overrides", "task"),
    [
        ([], "TextClassification"),
        (["model=ngram"], "TextClassification"),
        (["data=qa_demo"], "QuestionAnswering"),
        (["data=rainfall", "model=patchtst"], "SeriesClassification"),
        (PRETRAINING, "SeriesPretraining"),
    ],
)
def test_the_task_follows_from_data_and_model(overrides: list[str], task: str) -> None:
    assert type(task_of(config(*overrides))).__name__ == task


def test_a_model_is_built_from_a_spec_alone(tmp_path: Path) -> None:
    spec = SeriesSpec((HeadSpec("rain", ("no", "yes"), (3, 1)),), ("rain", "wind"), 48)
    chosen = config("data=rainfall", "model=inception_time", "model.depth=3", "model.filters=4")
    model = build_model(chosen, spec, RunFolder(tmp_path), fresh=False)
    assert [tuple(head.weight.shape) for head in model.heads[0]] == [(2, 16)]  # type: ignore[index,union-attr]
    assert not list(tmp_path.iterdir())
