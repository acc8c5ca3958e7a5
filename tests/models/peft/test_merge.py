"""transformers loads a merged folder, and the model computes the same numbers as the adapted encoder."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from lab.config.schema import Adapters
from lab.models.peft.merge import HEADS, write_merged
from lab.models.peft.quantization import QuantisedLinear
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

FAMILIES = ("albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta")
TEXTS = ["fuga por el sello de la bomba", "ruido", "alta temperatura en el rodamiento del motor, se ajusta"]


def trained(family: str, kind: str, small: Any, texts: Any, folder: Path) -> tuple[Any, Any]:
    """An encoder whose adapters change its output, and its tokenizer, which is saved in `folder`."""
    peft = Adapters(kind=kind, lr=1e-3, r=4, alpha=8, dropout=0.1, targets="all", layers=None, merge=True)  # type: ignore[arg-type]
    model = small(family)
    tokenizer = build_tokenizer(model, texts)
    tokenizer.save(folder)
    torch.manual_seed(1)
    encoder: Any = build_encoder(model, tokenizer, folder, peft=peft)
    for name, parameter in encoder.named_parameters():
        if parameter.requires_grad:
            parameter.data.mul_(1.3) if "magnitude" in name else nn.init.normal_(parameter, std=0.2)
    return encoder.eval(), tokenizer


@pytest.mark.parametrize("kind", ["lora", "dora", "qlora", "qdora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_merged_encoder_equals_the_adapted_encoder(
    family: str, kind: str, small: Any, texts: Any, batch: Any, tmp_path: Path
) -> None:
    encoder, tokenizer = trained(family, kind, small, texts, tmp_path / "tokenizer")
    place = tmp_path / "merged"
    write_merged(place, encoder, tmp_path / "tokenizer", {"heads.0.weight": torch.ones(3, 32)})
    loaded, report = AutoModel.from_pretrained(place, output_loading_info=True)
    assert not [name for name in report["missing_keys"] if "pooler" not in name]
    assert not report["unexpected_keys"]
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    with torch.no_grad():
        expected = encoder.transformer(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        actual = loaded.eval()(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(actual[mask], expected[mask], rtol=0, atol=2e-5)
    whole = AutoTokenizer.from_pretrained(place)
    assert whole(TEXTS)["input_ids"] == tokenizer.encode(TEXTS, 64)
    assert whole.pad_token_id == tokenizer.pad_id
    (window,) = tokenizer.windows(["qué falla"], [TEXTS[0]], 64, 8)[0]
    pair = whole("qué falla", TEXTS[0], return_tensors="pt")
    assert pair["input_ids"][0].tolist() == window.ids
    ids, segments = torch.tensor([window.ids]), torch.tensor([window.segments])
    with torch.no_grad():
        expected = encoder(ids, torch.ones_like(ids, dtype=torch.bool), segments)
        actual = loaded(**pair).last_hidden_state
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-5)
    assert load_file(place / HEADS)["heads.0.weight"].shape == (3, 32)
    packed = [module for module in encoder.modules() if isinstance(module, QuantisedLinear)]
    assert bool(packed) == kind.startswith("q"), "the encoder itself is unchanged"
