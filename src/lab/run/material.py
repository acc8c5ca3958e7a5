"""What a run works on: the corpus, its tokenizer, the loaders and the model, made in the one order that is possible.

A fresh run learns or loads the tokenizer and the encoder's weights and leaves in its folder what it takes to make both
again; a resumed or tested run makes them from its folder alone.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lab.batches import HeadSpec, Tokenizer
from lab.callbacks import freeze
from lab.callbacks.accumulate import accumulation, epoch_ends
from lab.data.corpus import Corpus, load
from lab.data.text import TextData
from lab.errors import Mistake, RequestError
from lab.models.base import Training
from lab.models.encoder import build_encoder
from lab.models.multitask import MultitaskTextClassifier
from lab.models.tokenizers import build_tokenizer, load_tokenizer
from lab.record import RunFolder
from lab.run.parts import Hardware
from lab.schema import Config, Encoder, Ngram

log = logging.getLogger(__name__)


@dataclass
class Material:
    """Everything but the Trainer."""

    corpus: Corpus
    tokenizer: Tokenizer
    data: TextData
    model: MultitaskTextClassifier

    @property
    def heads(self) -> tuple[HeadSpec, ...]:
        return self.corpus.heads

    @property
    def facts(self) -> dict[str, object]:
        """The record's `data`."""
        return {
            "name": self.corpus.name,
            "fingerprint": self.corpus.fingerprint,
            **self.corpus.facts,
            **self.data.length_facts,
            "heads": {head.name: list(head.classes) for head in self.heads},
        }


def prepare(config: Config, folder: RunFolder, where: Hardware, fresh: bool) -> Material:
    """Raises RequestError for whatever is wrong with data, weights or what the two ask of each other."""
    corpus = load(config.data, Path(config.cache.dir).expanduser())
    for note in corpus.notes:
        log.info("%s", note)
    tokenizer = _tokenizer(config.model, corpus, folder, fresh)
    steps = config.callbacks.accumulate
    accumulate = partial(accumulation, batches=steps.batches, schedule=steps.schedule)
    pin = where.accelerator == "gpu" if config.data.pin_memory == "auto" else config.data.pin_memory
    data = TextData(corpus, tokenizer, config.data, config.cache, accumulate, config.seed, pin)
    log.info("%s", lengths_line(data))
    check_metrics(config, corpus.heads)
    encoder = build_encoder(config.model, tokenizer, folder.tokenizer, load_weights=fresh)
    ends = ends_of_epochs(config, data)
    training = Training(config.optimizer, config.scheduler, ends, config.seed)
    model = MultitaskTextClassifier(data.spec, encoder, config.loss, config.model.dropout, training)
    if fresh:
        tokenizer.save(folder.tokenizer)
        encoder.save_architecture(folder.tokenizer)
    return Material(corpus, tokenizer, data, model)


def refuse_other_data(key: str, record: Mapping[str, Any], material: Material, run: RunFolder) -> None:
    """Raises RequestError unless the data is what the recorded run was trained on."""
    if record.get("data", {}).get("fingerprint") != material.corpus.fingerprint:
        problem = "the data has changed since this run, so neither its epochs nor its scores would be of the same rows"
        raise RequestError(Mistake(key, problem, "bring the files back as they were, or start a new run", run.path))


def frozen_at_start(config: Config, model: MultitaskTextClassifier) -> MultitaskTextClassifier:
    """The model with its first epoch's freezing applied. Raises RequestError when it has fewer layers."""
    chosen = config.callbacks
    embeddings, layers = model.freezable()
    settings = (chosen.freeze.embeddings, chosen.freeze.layers, chosen.unfreeze.schedule)
    found = freeze.mistakes(len(embeddings), len(layers), *settings)
    if found:
        raise RequestError(found)
    freeze.apply(model, *freeze.frozen_layers(0, *settings))
    return model


def ends_of_epochs(config: Config, data: TextData) -> tuple[int, ...]:
    """The optimizer step at which each epoch ends."""
    steps = config.callbacks.accumulate
    return epoch_ends(len(data.train_draws()), config.trainer.max_epochs, steps.batches, steps.schedule)


def lengths_line(data: TextData) -> str:
    """One line on how long the texts are and what `max_length` cuts."""
    lengths = data.length_facts["lengths"]
    assert isinstance(lengths, dict)
    return (
        f"lengths in {lengths['unit']}: median {lengths['p50']}, 95 % {lengths['p95']}, 99 % {lengths['p99']}, "
        f"longest {lengths['max']}; max_length {data.spec.max_length} cuts {data.length_facts['truncated_share']:.2%} "
        "of the training texts"
    )


def check_metrics(config: Config, heads: tuple[HeadSpec, ...]) -> None:
    """Metric names of the objective and of early stopping must exist for these heads. Raises RequestError."""
    found = []
    names = set(metric_names(heads))
    for key, metric in (
        ("objective.metric", config.objective.metric),
        ("callbacks.early_stopping.metric", config.callbacks.early_stopping.metric),
    ):
        if metric is not None and metric.removeprefix("val/").removeprefix("train/") not in names:
            shown = ", ".join(sorted(names))
            found.append(Mistake(key, f"no such metric; there are {shown}", f"{key}=val/f1_macro", metric))
    if found:
        raise RequestError(found)


def metric_names(heads: tuple[HeadSpec, ...]) -> Iterator[str]:
    """Names that a validation logs, without the split."""
    from lab.models.scores import NAMES

    binary = {head.name for head in heads if head.num_classes == 2}
    yield from (*NAMES, "loss")
    if len(binary) == len(heads):
        yield "auc"
    if len(heads) > 1:
        for head in heads:
            yield from (f"{head.name}/{name}" for name in (*NAMES, "loss"))
            if head.name in binary:
                yield f"{head.name}/auc"


def _tokenizer(model: Encoder | Ngram, corpus: Corpus, folder: RunFolder, fresh: bool) -> Tokenizer:
    if not fresh:
        return load_tokenizer(folder.tokenizer)
    return build_tokenizer(model, lambda: corpus.splits["train"].texts.batches(1000))
