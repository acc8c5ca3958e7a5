"""Keys of an architecture that its family does not know, and values that a config does not have."""

import pytest
from transformers import BertConfig, DistilBertConfig

from lab.core.errors import RequestError
from lab.models.text.architectures import known, unlike, with_attention_dropout


def test_every_misspelt_key_is_named_with_the_nearest() -> None:
    sound = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2}
    assert known(sound) == sound
    with pytest.raises(RequestError) as caught:
        known({"model_type": "bert", "hiden_size": 32, "zzzz": 1})
    first, second = caught.value.mistakes
    assert (first.key, first.remedy) == ("model.architecture.hiden_size", "model.architecture.hidden_size=VALUE")
    assert second.remedy == "leave out model.architecture.zzzz"


def test_a_config_that_is_another_is_reported_key_by_key() -> None:
    assert unlike(BertConfig(hidden_size=24), {"hidden_size": 24, "num_hidden_layers": 12}) == []
    assert unlike(BertConfig(hidden_size=24), {"hidden_size": 32}) == ["hidden_size 24 instead of 32"]


def test_dropout_of_attention_has_the_name_of_its_family() -> None:
    assert with_attention_dropout(BertConfig(), 0.3).attention_probs_dropout_prob == 0.3
    assert with_attention_dropout(DistilBertConfig(), 0.3).attention_dropout == 0.3
    assert with_attention_dropout(BertConfig(), None).attention_probs_dropout_prob == 0.1
