"""Models of texts: the kind decides the keys; poolings are those of lab and of plug-ins."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from pydantic import ValidationError

from lab.config.schema.text_models import POOLING_KINDS, Encoder, Ngram, known_pooling
from lab.core.registry import POOLINGS

CONF = Path(__file__).parents[3] / "conf" / "model"


def settings(name: str, **changes: object) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    plain.pop("defaults", None)
    return plain | changes


@pytest.mark.parametrize("pooling", POOLING_KINDS)
def test_each_pooling_of_lab_is_one(pooling: str) -> None:
    assert known_pooling(pooling) == pooling


def test_a_pooling_of_a_plugin_is_one_once_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="must be one of 'cls', 'mean', 'max', 'attention'"):
        known_pooling("median")
    monkeypatch.setitem(POOLINGS._parts, "median", object())
    assert known_pooling("median") == "median"


def test_the_settings_of_ngrams_are_valid_and_their_limits_are_checked() -> None:
    assert Ngram.model_validate(settings("ngram")).kind == "ngram"
    wrong = settings("ngram", buckets=2**31, word_ngrams=[0, 2], ngram_dropout=1.0, pooling="mean")
    with pytest.raises(ValidationError) as refused:
        Ngram.model_validate(wrong)
    assert {each["loc"][0] for each in refused.value.errors()} == {
        "buckets", "word_ngrams", "ngram_dropout", "pooling",
    }  # fmt: skip


def test_an_encoder_refuses_an_unknown_pooling_and_a_share_of_one() -> None:
    wrong = settings("tiny", pooling="median", dropout=1.0)
    with pytest.raises(ValidationError) as refused:
        Encoder.model_validate(wrong)
    assert {"pooling", "dropout"} <= {each["loc"][0] for each in refused.value.errors()}
