"""How transformers has a run's model: the class that loads it, the names of its weights, its head and its config.

Questions have transformers' own head with the trained weights, and so have labels of `model.head=transformers`. Other
labels have the encoder only; their heads are in `heads.safetensors` and `heads.json`, which `load_classifier.py` reads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModel, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

from lab.config.schema import Columned
from lab.core.batches import TextSpec
from lab.core.errors import Mistake, RequestError
from lab.core.files import write_whole
from lab.export.source import Source
from lab.models.peft.merge import HEADS
from lab.models.pooling import TokenPooling
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.models.text.transformer import TransformerEncoder, quietly
from lab.models.text.transformers_head import TransformersHead

LOADER = Path(__file__).with_name("load_classifier.py.txt")
"""The script of a folder with heads of lab."""
HEADS_SETTINGS = "heads.json"
POOLINGS = ("cls", "mean", "max", "attention")
"""Poolings that the script knows."""
SPAN = {"weight": "qa_outputs.weight", "bias": "qa_outputs.bias"}
"""Names in transformers of the layer that scores first and last tokens."""


@dataclass(frozen=True)
class Layout:
    """auto: the class of transformers that loads the model; prefix: of the encoder's weights in it; head: the weights
    of its head by their names in it; changes: of the config of the encoder."""

    auto: Any
    prefix: str = ""
    head: Mapping[str, Tensor] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_heads_of_lab(self) -> bool:
        """Whether transformers loads the encoder only."""
        return not self.head


def encoder_of(source: Source) -> TransformerEncoder:
    """Return the encoder. Raises RequestError for a model that transformers does not have."""
    encoder = getattr(source.model, "encoder", None)
    if not isinstance(encoder, TransformerEncoder):
        problem = f"its model {source.config.model.name} is no encoder of the transformers library"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    return encoder


def layout_of(source: Source) -> Layout:
    """Return how transformers has a model. Raises RequestError for a model that it does not have."""
    model, encoder = source.model, encoder_of(source)
    if isinstance(model, ExtractiveQA):
        return _questions(model, encoder)
    assert isinstance(model, MultitaskTextClassifier), f"an encoder in a {type(model).__name__}"
    if model.has_own_head:
        return _classifier(model)
    pooling = model.pooling
    assert isinstance(pooling, TokenPooling), "an encoder without pooling"
    if pooling.how not in POOLINGS:
        problem = f"its pooling {pooling.how!r} is one of a plug-in"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    return Layout(AutoModel)


def _questions(model: ExtractiveQA, encoder: TransformerEncoder) -> Layout:
    config = encoder.transformer.config
    with torch.device("meta"), quietly():
        whole = AutoModelForQuestionAnswering.from_config(config)
    prefix = f"{whole.base_model_prefix}."
    own = {name for name in whole.state_dict() if not name.startswith(prefix)}
    if own != set(SPAN.values()):
        problem = f"the question head of {config.model_type} in transformers has other layers than that of the run"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    head = model.span.state_dict()
    named = {new: head[name] for name, new in SPAN.items()}
    return Layout(AutoModelForQuestionAnswering, prefix, named, {"architectures": [type(whole).__name__]})


def _classifier(model: MultitaskTextClassifier) -> Layout:
    head = model.heads[0]
    assert isinstance(head, TransformersHead), f"a head {type(head).__name__}"
    (labels,) = model.spec.heads
    changes = {
        "architectures": [type(head.whole).__name__],
        "id2label": {str(code): name for code, name in enumerate(labels.classes)},
        "label2id": {name: code for code, name in enumerate(labels.classes)},
        "problem_type": "single_label_classification",
    }
    return Layout(AutoModelForSequenceClassification, f"{head.base}.", head.whole.state_dict(), changes)


def temperature_lines(source: Source, layout: Layout) -> list[str]:
    """Return the line that says how the logits of a head of transformers become calibrated probabilities."""
    if layout.auto is not AutoModelForSequenceClassification:
        return []
    assert isinstance(source.spec, TextSpec), "a head of classes without texts"
    head = source.spec.heads[0].name
    temperature = _temperatures(source).get(head)
    if temperature is None:
        return []
    lines = [f"its logits are those of the model; divided by {temperature:.6g} they give calibrated probabilities"]
    if head in source.offsets:
        numbers = ", ".join(f"{each:.4g}" for each in source.offsets[head])
        lines.append(f"the run's class is the largest of log(probability) + offset, of the classes in order: {numbers}")
    return lines


def write_heads(source: Source, folder: Path, base: str | None) -> None:
    """Write the heads of lab and the script that reads them. base: of adapters beside their base model, where that is:
    the name of a folder below, or of the hub; None for an encoder in the folder itself."""
    heads = {
        name: tensor.float().cpu().contiguous()
        for name, tensor in source.model.state_dict().items()
        if name.startswith(("heads.", "pooling."))
    }
    write_whole(folder / HEADS, lambda aside: save_file(heads, aside, {"format": "pt"}))
    write_json(folder / HEADS_SETTINGS, _settings(source) | ({} if base is None else {"base": base}))
    script = LOADER.read_text(encoding="utf-8")
    write_whole(folder / "load_classifier.py", lambda aside: aside.write_text(script, encoding="utf-8"))


def _settings(source: Source) -> dict[str, Any]:
    assert isinstance(source.model, MultitaskTextClassifier), "no classifier"
    assert isinstance(source.model.pooling, TokenPooling), "an encoder without pooling"
    temperatures, spec, data = _temperatures(source), source.model.spec, source.config.data
    described = [
        {"name": head.name, "classes": list(head.classes), "temperature": temperatures.get(head.name, 1.0),
         "offsets": source.offsets.get(head.name)}
        for head in spec.heads
    ]  # fmt: skip
    joined = {"columns": list(data.text), "separator": data.text_separator} if isinstance(data, Columned) else {}
    return {"pooling": source.model.pooling.how, "max_length": spec.max_length, "heads": described, **joined}


def _temperatures(source: Source) -> Mapping[str, float]:
    found: Mapping[str, float] = (source.calibration or {}).get("temperatures", {})
    return found


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of settings."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))
