"""What a task of questions cannot take is named with a remedy."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.errors import RequestError

CONF = Path(__file__).parents[3] / "conf"


def blamed(*overrides: str) -> list[str]:
    with initialize_config_dir(str(CONF)):
        composed = compose("config", list(overrides))
    try:
        check(composed)
    except RequestError as error:
        return [mistake.key for mistake in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["data=qa_demo"], []),
        (["data=squad", "data.path=a.json", "data.test_ids=b.json"], []),
        (["data=qa_demo", "data.stride=128"], ["data.stride"]),
        (["data=qa_demo", "data.max_answer=200"], ["data.max_answer"]),
        (["data=squad", "data.train=a.json", "data.test_ids=b.json"], ["data.test_ids"]),
        (["data=squad"], ["data.path"]),
        (["data=squad", "data.path=a.json", "data.val=b.json"], ["data.path"]),
        (["data=qa_demo", "model=ngram"], ["model"]),
        (["data=qa_demo", "cache.hidden_states=true", "callbacks.freeze.layers=1"], ["cache.hidden_states"]),
        (["data=qa_demo", "loss.head_weighting=uncertainty", "loss.class_weights=balanced", "loss.head_weights={a:1}",
          "loss.logit_adjustment=0.7"],
         ["loss.head_weights", "loss.class_weights", "loss.logit_adjustment", "loss.head_weighting"]),
        (["data=qa_demo", "data.language=fr", "data.n_best=0", "data.split.val=0"],
         ["data.language", "data.n_best", "data.split.val"]),
    ],
)  # fmt: skip
def test_a_mistake_is_found_and_a_sound_request_is_left_alone(overrides: list[str], keys: list[str]) -> None:
    assert sorted(blamed(*overrides)) == sorted(keys)
