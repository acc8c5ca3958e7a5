"""The head of transformers: for every family the same logits as the model of `AutoModelForSequenceClassification`."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertModel,
    PretrainedConfig,
)

from lab.core.errors import RequestError
from lab.models.text.families import FAMILIES
from lab.models.text.transformer import TransformerEncoder, quietly
from lab.models.text.transformers_head import TransformersHead

SIZES: dict[str, int] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
OWN: dict[str, dict[str, int]] = {
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "albert": SIZES | {"embedding_size": 16},
    "modernbert": SIZES
    | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
}


def config_of(family: str) -> PretrainedConfig:
    return AutoConfig.for_model(family, vocab_size=60, **OWN.get(family, SIZES))


def encoder_of(config: PretrainedConfig) -> TransformerEncoder:
    torch.manual_seed(0)
    without = {"add_pooling_layer": False} if config.model_type in ("albert", "bert") else {}
    return TransformerEncoder(AutoModel.from_config(config, **without)).eval()


def batch() -> tuple[Tensor, Tensor]:
    ids, mask = torch.randint(3, 60, (3, 7)), torch.ones(3, 7, dtype=torch.bool)
    mask[1, 4:] = False
    return ids, mask


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_transformers(family: str) -> None:
    config = config_of(family)
    encoder = encoder_of(config)
    head = TransformersHead(config, 3, dropout=0.3).eval()
    config.num_labels = 3
    with quietly():
        whole = AutoModelForSequenceClassification.from_config(config).eval()
    state = {f"{head.base}.{name}": tensor for name, tensor in encoder.transformer.state_dict().items()}
    report = whole.load_state_dict(state | head.whole.state_dict(), strict=False)
    assert not report.missing_keys
    ids, mask = batch()
    with torch.inference_mode():
        expected = whole(input_ids=ids, attention_mask=mask.long()).logits
        logits = head(encoder(ids, mask), mask)
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=0)
    matrices = [weight for weight in head.parameters() if weight.ndim == 2]
    assert all(0.005 < float(weight.detach().std()) < 0.5 for weight in matrices)
    dropouts = [module.p for module in head.modules() if isinstance(module, torch.nn.Dropout)]
    assert dropouts
    assert set(dropouts) == {0.3}


def test_a_family_without_such_a_class_is_refused() -> None:
    with pytest.raises(RequestError, match="no class for sequence classification with vit"):
        TransformersHead(AutoConfig.for_model("vit"), 2, 0.1)


def test_the_pooler_starts_from_the_pretrained_weights(tmp_path: Path) -> None:
    config = BertConfig(vocab_size=60, **SIZES)
    pretrained = BertModel(config)
    with quietly():
        pretrained.save_pretrained(tmp_path)
    head = TransformersHead(config, 2, 0.1)
    weight = head.get_parameter("whole.bert.pooler.dense.weight")
    before = weight.detach().clone()
    head.load_pooler(tmp_path)
    assert not torch.equal(before, weight)
    torch.testing.assert_close(weight, pretrained.get_parameter("pooler.dense.weight"))
