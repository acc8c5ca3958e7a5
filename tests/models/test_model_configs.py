"""Each conf/model/*.yaml is valid and its architecture has the published number of parameters."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lab.config import schema
from lab.models.text.families import FAMILIES, position_limit
from lab.models.text.transformer import TransformerEncoder, new_config

MODELS = Path(__file__).resolve().parents[2] / "conf" / "model"
NAMES = sorted(path.stem for path in MODELS.glob("*.yaml") if path.stem not in ("auto", "custom"))
PUBLISHED_MILLIONS = {
    # sizes of the checkpoints on the hub, without pooler and heads
    "albert": 11.1, "bert": 108.9, "bertimbau": 108.3, "beto": 109.3, "distilbert": 66.4, "distilbeto": 66.7,
    "distilbert_multilingual": 134.7, "minilm": 22.6,
    "minilm_frozen": 22.6, "roberta": 124.1,
}  # fmt: skip
SERIES = ("inception_time", "logistic_lags", "minirocket", "patchtst", "timer_84m", "timer_xl", "timer_xl_full")


def test_every_model_is_listed_here() -> None:
    assert sorted([*PUBLISHED_MILLIONS, *SERIES, "encoder", "linear", "ngram", "tiny", "tiny_attention"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_a_model_is_valid(name: str, shipped: Any) -> None:
    model = shipped(name, **({"path": "folder"} if name == "encoder" else {}))
    assert model.name == name
    if isinstance(model, schema.Encoder) and model.architecture is not None:
        assert model.architecture["model_type"] in FAMILIES
        assert position_limit(new_config(model), 1 if name == "roberta" else 0) == 512
        assert model.vocabulary_size == model.architecture.get("vocab_size", model.vocabulary_size)


@pytest.mark.parametrize("name", sorted(PUBLISHED_MILLIONS))
def test_the_architecture_has_the_published_size(name: str, shipped: Any) -> None:
    from transformers import AutoModel

    config = new_config(shipped(name))
    takes_pooler = config.model_type != "distilbert"
    with torch.device("meta"):
        model = AutoModel.from_config(config, **({"add_pooling_layer": False} if takes_pooler else {}))
        encoder = TransformerEncoder(model)
    assert round(sum(parameter.numel() for parameter in encoder.parameters()) / 1e6, 1) == PUBLISHED_MILLIONS[name]
    layers = {"albert": 1, "minilm": 6, "minilm_frozen": 6}
    assert len(encoder.layers) == layers.get(name, 6 if "distil" in name else 12)
