"""Composing in Python: the config and the mistakes of the command line, and the line of a changed config."""

import doctest
import sys
from pathlib import Path

import pytest

import lab
from lab.api import request
from lab.api.request import request_of
from lab.cli.main import sound
from lab.core.errors import RequestError


def mistakes(*overrides: str) -> list[str]:
    with pytest.raises(RequestError) as caught:
        lab.compose(overrides)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_the_examples_of_the_docstrings() -> None:
    result = doctest.testmod(request)
    assert (result.failed, result.attempted) == (0, 2)


def test_no_overrides_give_the_defaults() -> None:
    config = lab.compose()
    assert (config.model.name, config.data.kind, config.seed) == ("tiny", "maintenance", 42)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=betto", "optimizr.lr=1", "trainer.precision=17"],
        ["data=csv", "trainer.max_epochs=0"],
        ["data.batch_size=1,2", "x"],
        ["resume=no_such_run"],
        ["plugins=[no_such_module]"],
    ],
)
def test_the_mistakes_are_those_of_the_command_line(overrides: list[str]) -> None:
    with pytest.raises(RequestError) as caught:
        sound(request.COMMAND, ["train.py", *overrides])
    assert mistakes(*overrides) == [str(mistake) for mistake in caught.value.mistakes]


def test_what_only_the_command_line_obeys_is_refused_with_the_other_mistakes() -> None:
    first, second, third, fourth = mistakes("-m", "seed=1.5", "hydra.run.dir=here", "hydra/launcher=basic")
    assert first.startswith("'-m' is no override")
    assert second.startswith("hydra.run.dir=here")
    assert "folder of lab.train" in second
    assert third.startswith("hydra/launcher=basic")
    assert fourth.startswith("seed=1.5")


def test_one_text_is_no_list_of_overrides() -> None:
    with pytest.raises(RequestError, match="one text, not a list"):
        lab.compose("model=ngram")


def test_a_config_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 11\n")
    assert lab.compose(["experiment=mine"], config_dir=tmp_path).seed == 11
    with pytest.raises(RequestError, match="there is no such folder"):
        lab.compose(config_dir=tmp_path / "nowhere")
    with pytest.raises(RequestError, match=r"there is no other\.yaml"):
        lab.compose(config_name="other")


def test_plug_ins_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "api_plugin.py").write_text("IMPORTED = True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert lab.compose(["plugins=[api_plugin]"]).plugins == ("api_plugin",)
    assert sys.modules["api_plugin"].IMPORTED


def test_a_value_needs_no_quotes_of_a_shell() -> None:
    config = lab.compose(["data=csv", "data.path=a b.csv", "data.text=[título]", "data.labels=[causa]"])
    assert (config.data.path, config.data.text) == ("a b.csv", ("título",))


def test_the_words_of_an_unchanged_config_are_its_own() -> None:
    words = ["model=ngram", "seed=3"]
    assert request_of(words).config.words == request_of(lab.compose(words)).config.words == words


def test_the_words_of_a_changed_config_compose_it_again() -> None:
    config = lab.compose(["model=ngram"])
    freeze = config.callbacks.freeze.model_copy(update={"schedule": {0: 2, 1: 0}})
    changed = config.model_copy(
        update={
            "seed": 9,
            "tags": ("a b", "c"),
            "run_name": "null",
            "model": lab.compose(["model=tiny"]).model,
            "callbacks": config.callbacks.model_copy(update={"freeze": freeze}),
        }
    )
    again = request_of(changed).config
    assert again.model_dump() == changed.model_dump()
    assert {"seed=9", 'tags=["a b",c]', 'run_name="null"', "model.kind=encoder", "~model.buckets"} <= {*again.words}


def test_a_wrong_change_is_a_mistake_of_its_key() -> None:
    with pytest.raises(RequestError, match="seed=-1"):
        request_of(lab.compose().model_copy(update={"seed": -1}))


def test_a_config_that_was_composed_in_another_way_is_written_from_the_defaults() -> None:
    config = lab.compose(["data=rainfall", "model=minirocket", "model.num_features=168"])
    config.words.clear()
    assert request_of(config).config.model_dump() == config.model_dump()


def test_the_global_state_of_hydra_is_left_as_it_was() -> None:
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().is_initialized()
    lab.compose(["seed=1"])
    assert GlobalHydra.instance().is_initialized() is before
