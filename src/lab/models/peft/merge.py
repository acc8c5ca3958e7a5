"""Merges adapters into the encoder and writes a folder that transformers and `model.path=` can load, without PEFT.

W + alpha/r B A replaces each adapted matrix W; with DoRA, its rows are scaled to the learned lengths. A base in 4 bits
is dequantised into a copy, one matrix after the other, because rounding the sum to 4 bits would lose the training.
Memory: a second encoder in fp32.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tokenizers
from safetensors.torch import save_file
from torch import Tensor, nn

from lab.core.files import read_json, write_whole
from lab.models.peft.adapters import adapted
from lab.models.text.families import reads_segments
from lab.models.text.interfaces import TOKENIZER_FILE
from lab.models.text.subword_tokenizer import CORE
from lab.models.text.transformer import TransformerEncoder

WEIGHTS, HEADS = "model.safetensors", "heads.safetensors"
ADAPTER = "default"
"""PEFT's name for the only adapter."""


def merged_weight(module: Any) -> Tensor:
    """The matrix (E, D) in fp32 by which an adapted linear layer multiplies in eval mode."""
    lora_a, lora_b = module.lora_A[ADAPTER].weight.detach(), module.lora_B[ADAPTER].weight.detach()
    merged: Tensor = _weight(module.base_layer) + module.scaling[ADAPTER] * (lora_b @ lora_a)
    if ADAPTER in module.lora_magnitude_vector:
        lengths = module.lora_magnitude_vector[ADAPTER].weight.detach()
        merged = merged * (lengths / merged.norm(dim=1))[:, None]
    return merged


def merged_state(transformer: nn.Module) -> dict[str, Tensor]:
    """The state dict of a model with its adapters merged into it, in fp32 on the CPU."""
    return _plain_state(transformer, merged_weight)


def base_state(transformer: nn.Module) -> dict[str, Tensor]:
    """The state dict of the base model below the adapters, dequantised, in fp32 on the CPU."""
    return _plain_state(transformer, lambda module: _weight(module.base_layer))


def _plain_state(transformer: nn.Module, matrix: Callable[[Any], Tensor]) -> dict[str, Tensor]:
    """The state dict without adapters. matrix: (E, D) of a layer with an adapter."""
    with_adapter = dict(adapted(transformer))
    inside = tuple(f"{name}." for name in with_adapter)
    quantised = {
        name: module
        for name, module in transformer.named_modules()
        if _is_quantised(module) and not name.startswith(inside)
    }
    replaced = (*inside, *(f"{name}." for name in quantised))
    state = {name: tensor for name, tensor in transformer.state_dict().items() if not name.startswith(replaced)}
    for name, module in (with_adapter | quantised).items():
        base = module.base_layer if name in with_adapter else module
        state[f"{name}.weight"] = matrix(module) if name in with_adapter else _weight(base)
        if base.bias is not None:
            state[f"{name}.bias"] = base.bias.detach()
    return {name: tensor.float().cpu().contiguous() for name, tensor in state.items()}


def write_merged(folder: Path, encoder: TransformerEncoder, tokenizer: Path, heads: dict[str, Tensor]) -> None:
    """Write config.json, the weights, the tokenizer and the heads of the task into `folder`; adapters are merged.

    tokenizer: the folder of the run's tokenizer. heads: may be empty.
    """
    write_encoder(folder, encoder, merged_state(encoder.transformer))
    write_tokenizer(folder, encoder, tokenizer)
    if heads:
        write_whole(folder / HEADS, lambda aside: save_file(heads, aside, {"format": "pt"}))


def write_encoder(folder: Path, encoder: TransformerEncoder, state: dict[str, Tensor]) -> None:
    """Write config.json and weights into `folder`. state: of an encoder of this architecture without adapters."""
    config = encoder.transformer.config.to_dict() | {"architectures": [type(encoder.transformer).__name__]}
    _write_json(folder / "config.json", config)
    write_whole(folder / WEIGHTS, lambda aside: save_file(state, aside, {"format": "pt"}))


def write_tokenizer(folder: Path, encoder: TransformerEncoder, tokenizer: Path) -> None:
    """Write the files from which transformers makes the tokenizer. tokenizer: the folder of the run's tokenizer."""
    write_whole(folder / CORE, lambda aside: shutil.copyfile(tokenizer / CORE, aside))
    segments = reads_segments(encoder.transformer.config)
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(tokenizer, segments))


def _tokenizer_config(tokenizer: Path, segments: bool) -> dict[str, Any]:
    """The content of tokenizer_config.json: special tokens and the inputs of the encoder.

    segments: whether the encoder reads to which text of a pair a token belongs. transformers does not pass this by
    itself, and the encoder would then read a context as a part of the question.
    """
    core = tokenizers.Tokenizer.from_file(str(tokenizer / CORE))
    known = read_json(tokenizer / TOKENIZER_FILE, dict)
    around = core.encode("").tokens
    ends = {"cls_token": around[0], "sep_token": around[-1]} if len(around) > 1 else {}
    vocabulary = core.get_vocab(with_added_tokens=True)
    others = {"unk_token": ("[UNK]", "<unk>"), "mask_token": ("[MASK]", "<mask>")}
    chosen = {name: next((token for token in tokens if token in vocabulary), None) for name, tokens in others.items()}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": known["longest"],
        "model_input_names": ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"],
        "pad_token": core.id_to_token(known["pad_id"]),
        **ends,
        **{name: token for name, token in chosen.items() if token is not None},
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def _weight(layer: nn.Linear) -> Tensor:
    if not _is_quantised(layer):
        return layer.weight.detach()
    from lab.models.peft.quantization import dequantised  # an unquantised base does not need bitsandbytes

    return dequantised(layer)


def _is_quantised(module: nn.Module) -> bool:
    return hasattr(getattr(module, "weight", None), "quant_state")
