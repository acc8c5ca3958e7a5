"""The base of adapters is compared when a run is loaded again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft")

from lab.config import schema
from lab.core.errors import RequestError
from lab.models.peft.base_checkpoint import IDENTITY_FILE, WEIGHTS_FILE, identity
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer


def lora() -> schema.Adapters:
    return schema.Adapters(
        kind="lora", lr=1e-3, r=4, alpha=8, dropout=0.0, targets="query_value", layers=None, merge=False
    )


@pytest.fixture
def pretrained(shipped: Callable[..., Any], published: Callable[..., Path]) -> Any:
    return shipped("encoder", path=str(published()))


def test_pretrained_weights_are_identified_not_copied(pretrained: Any, texts: Any, tmp_path: Path) -> None:
    tokenizer = build_tokenizer(pretrained, texts)
    build_encoder(pretrained, tokenizer, tmp_path / "run", peft=lora())
    assert [path.name for path in (tmp_path / "run").iterdir()] == [IDENTITY_FILE]
    build_encoder(pretrained, tokenizer, tmp_path / "run", load_weights=False, peft=lora())


def test_another_base_is_refused(pretrained: Any, texts: Any, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tokenizer = build_tokenizer(pretrained, texts)
    build_encoder(pretrained, tokenizer, tmp_path / "run", peft=lora())
    weights = load_file(Path(pretrained.path) / "model.safetensors")
    name = next(name for name in weights if name.endswith("query.weight"))
    weights[name] = weights[name] + torch.eye(*weights[name].shape) * 1e-3
    save_file(weights, Path(pretrained.path) / "model.safetensors", {"format": "pt"})
    with pytest.raises(RequestError, match="trained on other base weights") as error:
        build_encoder(pretrained, tokenizer, tmp_path / "run", load_weights=False, peft=lora())
    assert error.value.mistakes[0].key == "model.path"


def test_a_folder_without_the_identity_of_the_base_is_refused(pretrained: Any, texts: Any, tmp_path: Path) -> None:
    tokenizer = build_tokenizer(pretrained, texts)
    with pytest.raises(RequestError, match=r"base\.json is missing"):
        build_encoder(pretrained, tokenizer, tmp_path, load_weights=False, peft=lora())


def test_random_weights_are_kept_and_damage_is_refused(small: Any, texts: Any, tmp_path: Path) -> None:
    model = small("bert")
    tokenizer = build_tokenizer(model, texts)
    encoder: Any = build_encoder(model, tokenizer, tmp_path, peft=lora())
    encoder.save_architecture(tmp_path)
    again: Any = build_encoder(model, tokenizer, tmp_path, load_weights=False, peft=lora())
    kept = [identity(each.transformer.embeddings) for each in (encoder, again)]
    assert kept[0] == kept[1]
    path = tmp_path / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RequestError, match="cannot be read"):
        build_encoder(model, tokenizer, tmp_path, load_weights=False, peft=lora())
