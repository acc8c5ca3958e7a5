"""A run of label columns: what is said before it trains."""

import logging

import pytest

import lab
from lab.training.tasks.text_classification import _warn_of_random_layers

FROZEN = "callbacks.freeze.layers=1"


@pytest.mark.parametrize(
    ("words", "warns"),
    [(["model=tiny", FROZEN], True), (["model=tiny"], False), (["model=beto", FROZEN], False),
     (["model=tiny", "callbacks.freeze.schedule={0: 1, 2: 0}"], False),
     (["model=minilm_frozen", "model.pretrained=false"], True)],
)  # fmt: skip
def test_layers_that_keep_random_weights_give_a_warning(
    words: list[str], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _warn_of_random_layers(lab.compose(words))
    assert ("these layers keep random weights" in caplog.text) == warns
