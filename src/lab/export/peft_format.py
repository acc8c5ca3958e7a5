"""adapters=peft: a folder that `PeftModel.from_pretrained` loads, with the adapters beside their base model.

The base model is in `base/`, or is that of the hub if the run had its weights from there. A base in 4 bits is written
dequantised, so that PEFT computes what the run computes. The trained head is in the adapter where transformers has it
(`modules_to_save`). PEFT itself writes the folder; it is loaded again and compared before it is kept.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lab.config.schema import Encoder
from lab.config.schema.training import Adapters
from lab.core.errors import Mistake, RequestError, listed
from lab.core.files import read_json
from lab.export.hf_compare import compared
from lab.export.hf_format import ENCODER_ONLY
from lab.export.hf_layout import Layout, encoder_of, layout_of, temperature_lines, write_heads, write_json
from lab.export.source import Source
from lab.models.peft.adapters import TRANSFORMER, adapted
from lab.models.peft.merge import ADAPTER, base_state, write_encoder, write_tokenizer
from lab.models.text.interfaces import is_adapter
from lab.models.text.transformer import TransformerEncoder, quietly
from lab.models.text.weights import hub_name, locate

BASE = "base"
"""Folder of the base model in the export."""
TASKS = {"AutoModel": "FEATURE_EXTRACTION", "AutoModelForSequenceClassification": "SEQ_CLS"}
"""PEFT's name of the task of a class of transformers. Questions have none: PEFT's own class for them (0.21) does not
pass on to which text of the pair a token belongs, and a model without a task passes every input on."""
PREFIX = "base_model.model."
"""Of the base model's weights in a model of PEFT."""


def write(source: Source, folder: Path) -> list[str]:
    """Write the folder; return lines to show.

    Raises RequestError for a run without adapters, and for a model that transformers does not have.
    """
    peft = source.config.peft
    if not isinstance(peft, Adapters):
        problem = "the run has no adapters: all weights were trained"
        raise RequestError(Mistake("adapters", problem, "adapters=merged", "peft"))
    layout, encoder = layout_of(source), encoder_of(source)
    place, name, revision = _base(source, encoder, layout, folder)
    model = _filled(source, encoder, layout, place)
    model.peft_config[ADAPTER].base_model_name_or_path, model.peft_config[ADAPTER].revision = name, revision
    model.save_pretrained(folder, save_embedding_layers=False)
    write_tokenizer(folder, encoder, source.run.tokenizer)
    if layout.has_heads_of_lab:
        write_heads(source, folder, name)
    lines = [*_lines(layout, name), *temperature_lines(source, layout)]
    return [*lines, compared(source, _loaded(layout, place, folder), [])]


def _base(source: Source, encoder: TransformerEncoder, layout: Layout, folder: Path) -> tuple[Path, str, str | None]:
    """The folder of the base model, its name in the adapter's config, and its revision on the hub."""
    model, peft = source.config.model, source.config.peft
    assert isinstance(model, Encoder), "an encoder of another kind"
    assert isinstance(peft, Adapters), "no adapters"
    name = None if peft.quantised else hub_name(model)
    if name is not None:
        place = locate(model)
        return place, name, place.name if re.fullmatch(r"[0-9a-f]{40}", place.name) else None
    (folder / BASE).mkdir()
    write_encoder(folder / BASE, encoder, base_state(encoder.transformer))
    own = {key: value for key, value in layout.changes.items() if key != "architectures"}
    write_json(folder / BASE / "config.json", read_json(folder / BASE / "config.json", dict) | own)
    return folder / BASE, BASE, None


def _filled(source: Source, encoder: TransformerEncoder, layout: Layout, place: Path) -> Any:
    """A model of PEFT with the trained adapters and head."""
    from peft import LoraConfig, get_peft_model

    settings = source.config.peft
    assert isinstance(settings, Adapters), "no adapters"
    modules = sorted({_module(name, layout.prefix) for name in layout.head})
    config = LoraConfig(
        task_type=TASKS.get(layout.auto.__name__), r=settings.r, lora_alpha=settings.alpha,
        lora_dropout=settings.dropout, use_dora=settings.dora, bias="none", inference_mode=True,
        target_modules=[f"{layout.prefix}{name}" for name, _ in adapted(encoder.transformer)],
        modules_to_save=modules or None,
    )  # fmt: skip
    with _quietly():
        model = get_peft_model(_plain_base(layout, place), config)
    state = _adapter_state(encoder, layout)
    for name, tensor in layout.head.items():
        module = _module(name, layout.prefix)
        state[f"{PREFIX}{module}.modules_to_save.{ADAPTER}{name.removeprefix(module)}"] = tensor
    unknown = model.load_state_dict(state, strict=False).unexpected_keys
    assert not unknown, f"PEFT has no {listed(unknown)}"
    trained = {name for name, parameter in model.named_parameters() if is_adapter(name)}
    assert trained <= set(state), f"adapters without weights: {sorted(trained - set(state))[:4]}"
    return model


def _adapter_state(encoder: TransformerEncoder, layout: Layout) -> dict[str, Tensor]:
    """The adapters of an encoder, by their names in a model of PEFT."""
    return {
        f"{PREFIX}{layout.prefix}{name.removeprefix(TRANSFORMER)}": tensor.float().cpu()
        for name, tensor in encoder.state_dict().items()
        if is_adapter(name)
    }


def _module(name: str, prefix: str) -> str:
    """The module that PEFT keeps whole for a weight of the head: a child of the model, or of its encoder.

    >>> _module("classifier.dense.weight", "bert."), _module("bert.pooler.dense.weight", "bert.")
    ('classifier', 'bert.pooler')
    """
    inside = prefix if name.startswith(prefix) else ""
    return inside + name.removeprefix(inside).partition(".")[0]


def _plain_base(layout: Layout, place: Path) -> nn.Module:
    classes = layout.changes.get("id2label")
    own = {} if classes is None else {"num_labels": len(classes)}
    with quietly():
        base: nn.Module = layout.auto.from_pretrained(place, local_files_only=True, dtype=torch.float32, **own)
    return base


def _loaded(layout: Layout, place: Path, folder: Path) -> Any:
    from peft import PeftModel

    with _quietly():
        return PeftModel.from_pretrained(_plain_base(layout, place), folder)


@contextmanager
def _quietly() -> Iterator[None]:
    """As `quietly`, also without warnings about calls of PEFT to a transformers that has renamed them."""
    with quietly(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _lines(layout: Layout, name: str) -> list[str]:
    where = f"FOLDER + '/{BASE}'" if name == BASE else repr(name)
    classes = layout.changes.get("id2label")
    own = f", num_labels={len(classes)}" if classes is not None and name != BASE else ""
    base = f"transformers.{layout.auto.__name__}.from_pretrained({where}{own})"
    lines = [f"load it by peft.PeftModel.from_pretrained({base}, FOLDER)"]
    return [*lines, *([ENCODER_ONLY] if layout.has_heads_of_lab else [])]
