"""Keys that are none: the one that was meant, or that it is not there yet; nothing far-fetched."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lab.config.dotted_keys import flattened
from lab.config.schema import Config
from lab.config.unknown_keys import MEANT, NOT_YET, RENAMED, RENAMED_CHOICES, no_key, unknown

CONF = Path("conf").absolute()


@cache
def plain(*line: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF)):
        result = OmegaConf.to_container(compose("config", list(line)), resolve=False)
    assert isinstance(result, dict)
    return {str(key): value for key, value in result.items()}


@pytest.mark.parametrize(
    "key",
    ["trainer.enable_checkpointing", "trainer.limit_predict_batches"],
)  # fmt: skip
def test_what_is_not_there_yet_is_said_plainly(key: str) -> None:
    mistake = no_key(key, "x", plain())
    assert mistake.problem.startswith("is not supported yet")
    assert mistake.remedy == f"leave out {key}"


def test_predict_export_and_serve_are_commands() -> None:
    assert no_key("export", "x", plain()).problem.startswith("is a command of its own: python export.py run=RUN")
    assert no_key("predict", "x", plain()).problem == "is a command of its own: python predict.py run=RUN input=new.csv"
    assert no_key("serve", "x", plain()).problem == "is a command of its own: python serve.py run=RUN"


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("model._target_", "model=custom model._target_=x"),
        ("callbacks.extra.lr.logging_interval", "+callbacks.extra.lr.logging_interval=x"),
        ("metrics.extra.auroc._target_", "+metrics.extra.auroc._target_=x"),
        ("callbacks._target_", "+callbacks.extra.NAME._target_=x"),
    ],
)
def test_classes_of_ones_own_have_their_places(key: str, remedy: str) -> None:
    assert no_key(key, "x", plain()).remedy == remedy


def test_an_argument_of_a_custom_class_is_added_with_a_plus() -> None:
    config = plain("data=custom", "model=custom")
    assert no_key("data.num_rows", "5", config).remedy == "+data.num_rows=5"
    assert no_key("model.net.width", "5", config).remedy == "+model.net.width=5"


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("trainer.shuffled", "leave out trainer.shuffled"),
        ("presage", "leave out presage"),
        ("trainer.pruning", "leave out trainer.pruning"),
        ("scheduler.type", "scheduler=1"),
        ("optimizer.name", "optimizer=1"),
        ("loss.typ", "leave out loss.typ"),
        ("epochs", "trainer.max_epochs=1"),
        ("devices", "trainer.devices=1"),
        ("max_steps", "trainer.max_steps=1"),
        ("trainer.gradient_clip_val", "trainer.gradient_clip_val=1"),
        ("per_device_train_batch_size", "data.batch_size=1"),
        ("trainer.treads", "trainer.threads=1"),
        ("callbacks.nan_gaurd.enabled", "callbacks.nan_guard.enabled=1"),
        ("trainr.max_epochs", "trainer.max_epochs=1"),
    ],
)
def test_the_same_group_first_and_nothing_far_away(key: str, remedy: str) -> None:
    assert no_key(key, "1", plain()).remedy == remedy


def test_a_key_of_another_choice_names_one_of_the_same_task_first() -> None:
    assert no_key("data.path", "a.csv", plain("data=rainfall", "model=patchtst")).remedy.startswith(
        "data=series_table "
    )
    assert no_key("data.path", "a.csv", plain()).remedy.startswith("data=csv ")


@pytest.mark.parametrize("value", ["[motivo]", "motivo"])
def test_a_key_that_the_chosen_data_spell_a_little_differently_is_the_remedy(value: str) -> None:
    mistake = no_key("data.label", value, plain("data=csv"))
    assert mistake.remedy == "'data.labels=[motivo]'"
    assert "it belongs to data=" in mistake.problem
    assert mistake.problem.endswith("the nearest here is data.labels")


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("loss.head_weights.causa", "'loss.head_weights={causa: 1}'"),
        ("trainer.max_epochs.x", "trainer.max_epochs=1"),
        ("tags.x", "'tags=[1]'"),
    ],
)
def test_what_is_set_as_a_whole_is_typed_as_what_it_is(key: str, remedy: str) -> None:
    assert no_key(key, "1", plain()).remedy == remedy


def test_other_names_lead_to_keys_that_are_there_and_none_is_both() -> None:
    there = {*flattened(plain())}
    assert set(MEANT.values()) <= there
    assert not {*MEANT} & {*NOT_YET}
    leaves = {key.rpartition(".")[2] for key in there}
    assert not {*NOT_YET} & leaves, "what is there by now is no longer `not yet`"
    assert not {*NOT_YET} & {*Config.model_fields}


@pytest.mark.parametrize(
    ("line", "key", "value", "remedy"),
    [
        ((), "data.rows.train", "100", "data.max_rows.train=100"),
        ((), "peft.rate", "1e-4", "peft.lr=1e-4"),
        ((), "callbacks.unfreeze.schedule", "{0: 2}", "'callbacks.freeze.schedule={0: 2}'"),
        ((), "name", "avisos", "experiment_name=avisos"),
        (("data=series_table", "model=patchtst"), "data.gaps", "mask", "data.missing_values=mask"),
    ],
)
def test_a_key_of_an_earlier_version_is_answered_with_its_name(
    line: tuple[str, ...], key: str, value: str, remedy: str
) -> None:
    mistake = no_key(key, value, plain(*line))
    assert mistake.problem.startswith("is called ")
    assert mistake.remedy == remedy


def test_each_new_name_is_a_key_and_no_old_one_is() -> None:
    report = OmegaConf.load(CONF / "report.yaml")
    lines = ((), ("data=csv",), ("data=series_table", "model=patchtst"))
    known = {key for line in lines for key in flattened(plain(*line))} | {*map(str, report)}
    for old, new in RENAMED.items():
        assert not any(key == old or key.startswith(f"{old}.") for key in known), old
        assert unknown(old, known)[1] == new, old
    for group, choices in RENAMED_CHOICES.items():
        for old, new in choices.items():
            assert (CONF / group / f"{new}.yaml").exists()
            assert not (CONF / group / f"{old}.yaml").exists()
