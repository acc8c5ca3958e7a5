"""Adapters beside an encoder that stays as it is: LoRA (arXiv 2106.09685) and DoRA (arXiv 2402.09353), by PEFT.

A matrix W (E out, D in) becomes W + alpha/r B A, with A (r, D) drawn and B (E, r) zero at the start; DoRA besides
trains the length of each row of the sum. The base may be in 4 bits. Of an adapted encoder only its adapters are in a
state dict, so checkpoints hold adapters and heads; `lab.models.peft.base_checkpoint` sees to it that they meet their
own base again.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from lab.config.schema import Adapters, Encoder
from lab.core.batches import Tokenizer
from lab.core.errors import Mistake, RequestError, listed
from lab.models.peft import base_checkpoint
from lab.models.text.families import FAMILIES
from lab.models.text.interfaces import is_adapter
from lab.models.text.transformer import TransformerEncoder, load_transformer, new_transformer, rebuild_transformer

TRANSFORMER = "transformer."
"""Under which name an encoder holds its model: how keys of its state dict begin."""


class AdaptedTransformer(TransformerEncoder):
    """A transformers model (fp32, with its base weights) that gets adapters here and trains nothing else.

    Raises RequestError where `peft` names layers or modules that are not there.
    """

    def __init__(self, transformer: Any, peft: Adapters) -> None:
        super().__init__(transformer)
        names = target_names(self, peft)
        # PEFT imports bitsandbytes, which warns that a package is missing that would download kernels
        logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
        if peft.quantised:
            from lab.models.peft.quantization import quantise

            for layer in self.layers:
                quantise(layer)
            transformer.is_loaded_in_4bit = True  # how PEFT is told
        _inject(transformer, names, peft)
        if peft.quantised and peft.dora:
            from lab.models.peft.quantization import PackedDora

            for _, module in adapted(transformer):
                for layer in module.get_submodule("lora_magnitude_vector").children():
                    layer.__class__ = PackedDora
        self.register_state_dict_post_hook(_without_base)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_base_stays)  # type: ignore[no-untyped-call]

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        return [parameter for name, parameter in self.named_parameters() if not is_adapter(name)]


def build_adapted(
    model: Encoder, tokenizer: Tokenizer, folder: Path, peft: Adapters, fresh: bool
) -> AdaptedTransformer:
    """An adapted encoder; its base's identity (and weights that are nowhere else) are kept in `folder` and, unless
    fresh, asked of it. Raises RequestError for another base, and as `load_transformer` does."""
    if fresh:
        transformer = (load_transformer if model.pretrained else new_transformer)(model, tokenizer)
        target_names(TransformerEncoder(transformer), peft)  # before anything is written
        base_checkpoint.keep(folder, transformer, whole=not model.pretrained)
    elif model.pretrained:
        transformer = base_checkpoint.same(load_transformer(model, tokenizer), folder, model)
    else:
        transformer = base_checkpoint.filled(rebuild_transformer(folder), folder)
    return AdaptedTransformer(transformer, peft)


def target_names(encoder: TransformerEncoder, peft: Adapters) -> list[str]:
    """Full names of the linear layers that get an adapter. Raises RequestError with every layer or name that is not
    there, naming those that are."""
    layers = encoder.layers
    chosen = range(len(layers)) if peft.layers is None else peft.layers
    beyond = sorted({number for number in chosen if number >= len(layers)})
    mistakes = []
    if beyond:
        problem = f"the encoder has {len(layers)} layers, counted from 0"
        mistakes.append(Mistake("peft.layers", problem, f"'peft.layers=[{len(layers) - 1}]'", list(chosen)))
    names = {id(module): name for name, module in encoder.transformer.named_modules()}
    below = [names[id(layer)] for number, layer in enumerate(layers) if beyond or number in chosen]
    linear = [
        name
        for name, module in encoder.transformer.named_modules()
        if type(module) is nn.Linear and any(name.startswith(f"{layer}.") for layer in below)
    ]
    try:
        found = _matched(linear, peft.targets, encoder.transformer.config.model_type)
    except RequestError as error:
        mistakes += error.mistakes
    if mistakes:
        raise RequestError(mistakes)
    return found


def _matched(linear: list[str], targets: str | tuple[str, ...], family: str) -> list[str]:
    query, key, value, output = FAMILIES[family].attention
    if targets == "all":
        return linear
    ends = {"query_value": (query, value), "attention": (query, key, value, output)}.get(str(targets), tuple(targets))
    nowhere = [end for end in ends if not any(_ends(name, end) for name in linear)]
    if nowhere:
        there = sorted({re.sub(r"^.*?\.\d+\.", "", name) for name in linear})
        problem = f"{listed(nowhere)} matches no linear layer of this encoder; its layers have {listed(there)}"
        raise RequestError(Mistake("peft.targets", problem, "peft.targets=query_value", targets))
    return [name for name in linear if any(_ends(name, end) for end in ends)]


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")


def _inject(transformer: nn.Module, names: list[str], peft: Adapters) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=peft.r,
        lora_alpha=peft.alpha,
        lora_dropout=peft.dropout,
        target_modules=names,
        use_dora=peft.dora,
        bias="none",
    )
    training = transformer.training
    inject_adapter_in_model(config, transformer)
    transformer.train(training)
    missed = set(names) - {name for name, _ in adapted(transformer)}
    assert not missed, f"PEFT left out {sorted(missed)}"


def adapted(transformer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Name and module of each matrix with an adapter."""
    return ((name, module) for name, module in transformer.named_modules() if hasattr(module, "lora_A"))


def _without_base(_: nn.Module, state: dict[str, Any], prefix: str, __: object) -> None:
    for key in [key for key in state if key.startswith(prefix + TRANSFORMER) and not is_adapter(key)]:
        del state[key]


def _base_stays(module: nn.Module, incompatible: Any) -> None:
    """Base weights are not missing from a checkpoint: they are there already. All of the adapters must be."""
    own = {name for name, _ in module.named_parameters()} | {name for name, _ in module.named_buffers()}
    missing = incompatible.missing_keys
    missing[:] = [key for key in missing if is_adapter(key) or TRANSFORMER + key.partition(TRANSFORMER)[2] not in own]
