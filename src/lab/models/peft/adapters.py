"""Adapters for an encoder with frozen weights: LoRA (arXiv 2106.09685) and DoRA (arXiv 2402.09353), by PEFT.

A matrix W (E out, D in) becomes W + alpha/r B A; at the start A (r, D) is random and B (E, r) is zero. DoRA also trains
the length of each row of the sum. The base may be in 4 bits. The state dict of an adapted encoder has only adapters, so
checkpoints have adapters and heads; `lab.models.peft.base_checkpoint` checks that a run gets the same base again.
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
"""Prefix of the base model's keys in the state dict of an encoder."""


class AdaptedTransformer(TransformerEncoder):
    """A transformers model (fp32, with its base weights) to which this class adds adapters; only these train.

    Raises RequestError if `peft` names layers or modules that the model does not have.
    """

    def __init__(self, transformer: Any, peft: Adapters) -> None:
        super().__init__(transformer)
        names = target_names(self, peft)
        # PEFT imports bitsandbytes, which warns about a missing package that would download kernels
        logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
        if peft.quantised:
            from lab.models.peft.quantization import quantise

            for layer in self.layers:
                quantise(layer)
            transformer.is_loaded_in_4bit = True  # PEFT reads this attribute
        _inject(transformer, names, peft)
        if peft.quantised and peft.dora:
            from lab.models.peft.quantization import PackedDora

            for _, module in adapted(transformer):
                for layer in module.get_submodule("lora_magnitude_vector").children():
                    layer.__class__ = PackedDora
        self.register_state_dict_post_hook(_without_base)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_allow_missing_base)  # type: ignore[no-untyped-call]

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        return [parameter for name, parameter in self.named_parameters() if not is_adapter(name)]


def build_adapted(
    model: Encoder, tokenizer: Tokenizer, folder: Path, peft: Adapters, fresh: bool
) -> AdaptedTransformer:
    """An adapted encoder whose base is identified by files in `folder`.

    fresh: write the identity of the base into `folder`, and also its weights if these are random. Otherwise the base
    must be the one that `folder` identifies. Raises RequestError if it is another one, and as `load_transformer` does.
    """
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
    """Full names of the linear layers that get an adapter.

    Raises RequestError with every layer or name that the encoder does not have, and with those that it has.
    """
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
        names_with_adapter = _matched(linear, peft.targets, encoder.transformer.config.model_type)
    except RequestError as error:
        mistakes += error.mistakes
    if mistakes:
        raise RequestError(mistakes)
    return names_with_adapter


def _matched(linear: list[str], targets: str | tuple[str, ...], family: str) -> list[str]:
    query, key, value, output = FAMILIES[family].attention
    if targets == "all":
        return linear
    ends = {"query_value": (query, value), "attention": (query, key, value, output)}.get(str(targets), tuple(targets))
    unmatched = [end for end in ends if not any(_ends_with(name, end) for name in linear)]
    if unmatched:
        available = sorted({re.sub(r"^.*?\.\d+\.", "", name) for name in linear})
        problem = f"{listed(unmatched)} matches no linear layer of this encoder; its layers have {listed(available)}"
        raise RequestError(Mistake("peft.targets", problem, "peft.targets=query_value", targets))
    return [name for name in linear if any(_ends_with(name, end) for end in ends)]


def _ends_with(name: str, end: str) -> bool:
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
    skipped = set(names) - {name for name, _ in adapted(transformer)}
    assert not skipped, f"PEFT skipped {sorted(skipped)}"


def adapted(transformer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Name and module of each linear layer with an adapter."""
    return ((name, module) for name, module in transformer.named_modules() if hasattr(module, "lora_A"))


def _without_base(_: nn.Module, state: dict[str, Any], prefix: str, __: object) -> None:
    for key in [key for key in state if key.startswith(prefix + TRANSFORMER) and not is_adapter(key)]:
        del state[key]


def _allow_missing_base(module: nn.Module, incompatible: Any) -> None:
    """Allow a checkpoint without base weights, which are loaded already. Every adapter must be in the checkpoint."""
    own = {name for name, _ in module.named_parameters()} | {name for name, _ in module.named_buffers()}
    missing = incompatible.missing_keys
    missing[:] = [key for key in missing if is_adapter(key) or TRANSFORMER + key.partition(TRANSFORMER)[2] not in own]
