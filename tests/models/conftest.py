"""Small encoders of every family, on disk as published ones are, and models as a request would name them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from lab import schema

CONF = Path(__file__).resolve().parents[2] / "conf" / "model"
TEXTS = [
    "la bomba centrífuga presenta fuga por el sello mecánico",
    "ruido en rodamiento del motor de la bomba",
    "fuga de aceite en el reductor, se ajusta y se deja en observación",
    "alta temperatura en el rodamiento",
]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SMALL: dict[str, dict[str, Any]] = {
    "albert": SIZES | {"embedding_size": 16},
    "bert": SIZES,
    "camembert": SIZES,
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "electra": SIZES | {"embedding_size": 16},
    "modernbert": SIZES | {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3},
    "mpnet": SIZES,
    "roberta": SIZES,
    "xlm-roberta": SIZES,
}


@pytest.fixture
def texts() -> Callable[[], Iterator[list[str]]]:
    return lambda: iter([TEXTS * 3])


@pytest.fixture
def shipped() -> Callable[..., Any]:
    """The schema class of conf/model/<name>.yaml, with keys replaced."""

    def model(name: str, **replaced: Any) -> schema.Encoder | schema.Ngram:
        values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
        assert isinstance(values, dict)
        kind = schema.Ngram if values["kind"] == "ngram" else schema.Encoder
        return kind.model_validate(values | replaced)

    return model


@pytest.fixture
def small(shipped: Callable[..., Any]) -> Callable[..., Any]:
    """A small model of a family, to be built with random weights."""

    def model(family: str, **replaced: Any) -> schema.Encoder:
        limit = 514 if family in {"camembert", "mpnet", "roberta", "xlm-roberta"} else 512
        architecture = {"model_type": family, "max_position_embeddings": limit, "pad_token_id": 1} | SMALL[family]
        found = shipped("tiny", architecture=architecture, vocabulary_size=300, **replaced)
        assert isinstance(found, schema.Encoder)
        return found

    return model


def padded(rows: list[list[int]], pad_id: int, extra: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(map(len, rows)) + extra
    ids = torch.full((len(rows), length), pad_id)
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[place, : len(row)] = True
    return ids, mask


@pytest.fixture
def batch() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    return padded


@pytest.fixture
def published(small: Callable[..., Any], texts: Any, tmp_path: Path) -> Callable[..., Path]:
    """A folder as save_pretrained writes it: a small BERT with its masked-language head, weights, and tokenizer."""

    def write(folder: Path | None = None, pickled: bool = False) -> Path:
        from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

        from lab.models.tokenizers import build_tokenizer

        target = folder or tmp_path / "published"
        target.mkdir(parents=True, exist_ok=True)
        tokenizer = build_tokenizer(small("bert"), texts)
        whole = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer._core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
        )
        whole.save_pretrained(target)
        torch.manual_seed(7)
        model = BertForMaskedLM(BertConfig(vocab_size=tokenizer.vocabulary_size, pad_token_id=1, **SIZES))
        if pickled:
            model.config.save_pretrained(target)
            torch.save(model.state_dict(), target / "pytorch_model.bin")
        else:
            model.save_pretrained(target)
        return target

    return write
