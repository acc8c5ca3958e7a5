"""Encoder and adapters as one: a folder that transformers loads, and that `model.path=` takes, with no adapter in it.

W + alpha/r B A takes the place of each adapted matrix W, its rows stretched to DoRA's lengths where there are any. A
base in 4 bits is made whole in a copy, one matrix after the other: to round the sum to 4 bits again would lose what
was learned. Memory: an encoder in fp32, beside the one at hand.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import tokenizers
from safetensors.torch import save_file
from torch import Tensor, nn

from lab.core.files import read_json, write_whole
from lab.models.peft.adapters import AdaptedTransformer, adapted
from lab.models.text.families import reads_segments
from lab.models.text.interfaces import TOKENIZER_FILE
from lab.models.text.subword_tokenizer import CORE

WEIGHTS, HEADS = "model.safetensors", "heads.safetensors"
ADAPTER = "default"
"""PEFT's name for the only adapter there is."""


def merged_weight(module: Any) -> Tensor:
    """(E, D) fp32: what an adapted linear layer multiplies by in eval mode."""
    thin, wide = module.lora_A[ADAPTER].weight.detach(), module.lora_B[ADAPTER].weight.detach()
    whole: Tensor = _weight(module.base_layer) + module.scaling[ADAPTER] * (wide @ thin)
    if ADAPTER in module.lora_magnitude_vector:
        lengths = module.lora_magnitude_vector[ADAPTER].weight.detach()
        whole = whole * (lengths / whole.norm(dim=1))[:, None]
    return whole


def merged_state(transformer: nn.Module) -> dict[str, Tensor]:
    """The state dict of the plain model, in fp32 on the CPU."""
    joined = dict(adapted(transformer))
    inside = tuple(f"{name}." for name in joined)
    packed = {
        name: module
        for name, module in transformer.named_modules()
        if _is_packed(module) and not name.startswith(inside or ("\0",))
    }
    special = (*inside, *(f"{name}." for name in packed))
    state = {name: tensor for name, tensor in transformer.state_dict().items() if not name.startswith(special)}
    for name, module in (joined | packed).items():
        base = module.base_layer if name in joined else module
        state[f"{name}.weight"] = merged_weight(module) if name in joined else _weight(base)
        if base.bias is not None:
            state[f"{name}.bias"] = base.bias.detach()
    return {name: tensor.float().cpu().contiguous() for name, tensor in state.items()}


def write_merged(place: Path, encoder: AdaptedTransformer, tokenizer: Path, heads: dict[str, Tensor]) -> None:
    """Into the folder `place`: config.json, weights, tokenizer, and the task's heads beside them.

    tokenizer: the run's folder of its tokenizer.
    """
    config = encoder.transformer.config.to_dict() | {"architectures": [type(encoder.transformer).__name__]}
    _write_json(place / "config.json", config)
    write_whole(place / CORE, lambda aside: shutil.copyfile(tokenizer / CORE, aside))
    _write_json(
        place / "tokenizer_config.json", _described(tokenizer, segments=reads_segments(encoder.transformer.config))
    )
    if heads:
        write_whole(place / HEADS, lambda aside: save_file(heads, aside, {"format": "pt"}))
    state = merged_state(encoder.transformer)
    write_whole(place / WEIGHTS, lambda aside: save_file(state, aside, {"format": "pt"}))


def _described(tokenizer: Path, segments: bool) -> dict[str, Any]:
    """What transformers asks of a tokenizer beside its tokenizer.json: special tokens, and whether an encoder is to be
    told which text of a pair a token is of (unasked, transformers leaves that out, and a context is read as question).
    """
    core = tokenizers.Tokenizer.from_file(str(tokenizer / CORE))
    known = read_json(tokenizer / TOKENIZER_FILE, dict)
    around = core.encode("").tokens
    bounds = {"cls_token": around[0], "sep_token": around[-1]} if len(around) > 1 else {}
    vocabulary = core.get_vocab(with_added_tokens=True)
    others = {"unk_token": ("[UNK]", "<unk>"), "mask_token": ("[MASK]", "<mask>")}
    found = {name: next((one for one in names if one in vocabulary), None) for name, names in others.items()}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": known["longest"],
        "model_input_names": ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"],
        "pad_token": core.id_to_token(known["pad_id"]),
        **bounds,
        **{name: token for name, token in found.items() if token is not None},
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def _weight(layer: nn.Linear) -> Tensor:
    if not _is_packed(layer):
        return layer.weight.detach()
    from lab.models.peft.quantization import dequantised  # bitsandbytes need not be there for a whole base

    return dequantised(layer)


def _is_packed(module: nn.Module) -> bool:
    return hasattr(getattr(module, "weight", None), "quant_state")
