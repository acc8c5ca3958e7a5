"""format=hf: a folder that the transformers library loads, without code of ours and without `trust_remote_code`.

Questions load in `AutoModelForQuestionAnswering` with the trained head, labels of `model.head=transformers` in
`AutoModelForSequenceClassification` with the names of the classes. Other labels load in `AutoModel`, and `heads.json`,
`heads.safetensors` and the short script `load_classifier.py` have the heads, because heads of lab pool differently from
those of transformers. Adapters are merged. The folder is loaded by transformers and compared before it is kept.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModel, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

from lab.config.schema import Columned
from lab.core.batches import QuestionBatch, TextBatch
from lab.core.errors import Mistake, RequestError
from lab.core.files import read_json, write_whole
from lab.export.samples import Samples, samples_of
from lab.export.source import Source
from lab.models.peft.merge import HEADS, WEIGHTS, write_merged
from lab.models.pooling import TokenPooling
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.text.families import reads_segments
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.models.text.transformer import TransformerEncoder, misfits, quietly
from lab.models.text.transformers_head import TransformersHead

LOADER = Path(__file__).with_name("load_classifier.py.txt")
"""The script of a folder with heads of lab."""
POOLINGS = ("cls", "mean", "max", "attention")
"""Poolings that the script knows."""
LARGEST_DIFFERENCE = 1e-4
"""Of two numbers that the run's model and the loaded one compute; a folder with a larger one is refused."""
LARGEST_OF_LOGITS = 1e-5
"""As `LARGEST_DIFFERENCE`, of the logits of a head of transformers: both sides compute with the same layers."""
SPAN = {"weight": "qa_outputs.weight", "bias": "qa_outputs.bias"}
"""Names in transformers of the layer that scores first and last tokens."""


def write(source: Source, folder: Path) -> list[str]:
    """Write the folder; return lines to show. Raises RequestError for a model that transformers does not have."""
    model, encoder = source.model, getattr(source.model, "encoder", None)
    if not isinstance(encoder, TransformerEncoder):
        problem = f"its model {source.config.model.name} is no encoder of the transformers library"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    if isinstance(model, ExtractiveQA):
        lines = _write_questions(source, model, encoder, folder)
        return [*lines, _compared(source, folder, AutoModelForQuestionAnswering)]
    assert isinstance(model, MultitaskTextClassifier), f"an encoder in a {type(model).__name__}"
    if model.has_own_head:
        lines = _write_classifier(source, model, encoder, folder)
        return [*lines, _compared(source, folder, AutoModelForSequenceClassification)]
    lines = _write_labels(source, model, encoder, folder)
    return [*lines, _compared(source, folder, AutoModel)]


def _write_questions(source: Source, model: ExtractiveQA, encoder: TransformerEncoder, folder: Path) -> list[str]:
    config = encoder.transformer.config
    with torch.device("meta"), quietly():
        whole = AutoModelForQuestionAnswering.from_config(config)
    prefix = f"{whole.base_model_prefix}."
    own = {name for name in whole.state_dict() if not name.startswith(prefix)}
    if own != set(SPAN.values()):
        problem = f"the question head of {config.model_type} in transformers has other layers than that of the run"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    head = model.span.state_dict()
    own_names = {new: head[name] for name, new in SPAN.items()}
    _write_whole_model(source, encoder, folder, prefix, own_names, {"architectures": [type(whole).__name__]})
    return ["load it by transformers.AutoModelForQuestionAnswering.from_pretrained(FOLDER)"]


def _write_classifier(
    source: Source, model: MultitaskTextClassifier, encoder: TransformerEncoder, folder: Path
) -> list[str]:
    """Write a model with the head of transformers; its config has the classes, its logits are not yet calibrated."""
    head = model.heads[0]
    assert isinstance(head, TransformersHead), f"a head {type(head).__name__}"
    (labels,) = model.spec.heads
    names = {str(code): name for code, name in enumerate(labels.classes)}
    changes = {
        "architectures": [type(head.whole).__name__],
        "id2label": names,
        "label2id": {name: code for code, name in enumerate(labels.classes)},
        "problem_type": "single_label_classification",
    }
    _write_whole_model(source, encoder, folder, f"{head.base}.", head.whole.state_dict(), changes)
    lines = ["load it by transformers.AutoModelForSequenceClassification.from_pretrained(FOLDER)"]
    temperature = (source.calibration or {}).get("temperatures", {}).get(labels.name)
    if temperature is not None:
        lines += [f"its logits are those of the model; divided by {temperature:.6g} they give calibrated probabilities"]
    return lines


def _write_whole_model(
    source: Source, encoder: TransformerEncoder, folder: Path, prefix: str, head: Mapping[str, Tensor],
    changes: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write encoder and head as one model. prefix: of the encoder's weights in it; changes: of its config."""
    write_merged(folder, encoder, source.run.tokenizer, {})
    state = {f"{prefix}{name}": tensor for name, tensor in load_file(folder / WEIGHTS).items()}
    state |= {name: tensor.float().cpu().contiguous() for name, tensor in head.items()}
    write_whole(folder / WEIGHTS, lambda aside: save_file(state, aside, {"format": "pt"}))
    _write_json(folder / "config.json", read_json(folder / "config.json", dict) | dict(changes))


def _write_labels(
    source: Source, model: MultitaskTextClassifier, encoder: TransformerEncoder, folder: Path
) -> list[str]:
    pooling = model.pooling
    assert isinstance(pooling, TokenPooling), "an encoder without pooling"
    if pooling.how not in POOLINGS:
        problem = f"its pooling {pooling.how!r} is one of a plug-in"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    heads = {
        name: tensor.float().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(("heads.", "pooling."))
    }
    write_merged(folder, encoder, source.run.tokenizer, heads)
    temperatures = (source.calibration or {}).get("temperatures", {})
    described = [
        {"name": head.name, "classes": list(head.classes), "temperature": temperatures.get(head.name, 1.0)}
        for head in model.spec.heads
    ]
    data = source.config.data
    joined = {"columns": list(data.text), "separator": data.text_separator} if isinstance(data, Columned) else {}
    content = {"pooling": pooling.how, "max_length": model.spec.max_length, "heads": described, **joined}
    _write_json(folder / "heads.json", content)
    script = LOADER.read_text(encoding="utf-8")
    write_whole(folder / "load_classifier.py", lambda aside: aside.write_text(script, encoding="utf-8"))
    return [
        "transformers loads the encoder only (AutoModel), because heads of lab are none of its own; "
        f"{HEADS} has the heads, and load_classifier.py shows how to use them"
    ]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


@torch.inference_mode()
def _compared(source: Source, folder: Path, kind: Any) -> str:
    """Load the folder by transformers and return how far its numbers are from the run's model."""
    with quietly():
        loaded, report = kind.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    samples = samples_of(source)
    difference = 0.0 if not misfits(report) else torch.inf
    for batch in samples.batches if difference == 0.0 else ():
        difference = max(difference, _difference(source, loaded.eval(), batch))
    largest = LARGEST_OF_LOGITS if getattr(source.model, "has_own_head", False) else LARGEST_DIFFERENCE
    if not difference <= largest:
        problem = f"what transformers loads differs from the model by {difference:.1e} ({_shown(samples)})"
        raise RequestError(Mistake("format", problem, "format=torch", "hf"))
    return f"largest difference from the run's model, loaded by transformers: {difference:.1e} ({_shown(samples)})"


def _shown(samples: Samples) -> str:
    return f"{samples.num_rows} {samples.origin}"


def _difference(source: Source, loaded: Any, batch: TextBatch | QuestionBatch) -> float:
    """The largest difference of hidden states, or of the logits of questions, at tokens that are not padding."""
    inputs = {"input_ids": batch.ids, "attention_mask": batch.mask.long()}
    encoder = source.model.get_submodule("encoder")
    if isinstance(batch, QuestionBatch):
        segments = {"token_type_ids": batch.segments} if reads_segments(loaded.config) else {}
        result = loaded(**inputs, **segments)
        expected = source.model.get_submodule("span")(encoder(batch.ids, batch.mask, batch.segments))
        actual = torch.stack([result.start_logits, result.end_logits], -1)
    elif getattr(source.model, "has_own_head", False):
        (logits,) = source.model(batch)
        return float((logits - loaded(**inputs).logits).abs().max())
    else:
        expected, actual = encoder(batch.ids, batch.mask), loaded(**inputs).last_hidden_state
    return float((expected - actual)[batch.mask].abs().max())
