"""Texts with label columns: corpus, tokenizer, loaders and a classifier, made in the one order that is possible.

A fresh run learns or loads the tokenizer and the encoder's weights and leaves in its folder what it takes to make both
again; a resumed or tested run makes them from its folder alone.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from lab.callbacks.gradient_accumulation import accumulation
from lab.config.schema import Config, Encoder, Labelled, Ngram
from lab.core.record.run_folder import RunFolder
from lab.data.dataloader import TokenRows
from lab.data.text.corpus import Corpus, load
from lab.data.text.datamodule import TextData
from lab.models.classifier import predictions
from lab.models.task_module import Training
from lab.models.text.interfaces import TextEncoder
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.build.text_encoder import text_encoder
from lab.training.build.tokenizer import tokenizer_of
from lab.training.build.trainer import Hardware, pinned
from lab.training.evaluation.classification import Classified, bayes, classified, majority, metric_names
from lab.training.tasks.base import Material, check_metrics, ends_of_epochs

log = logging.getLogger(__name__)


@dataclass
class LabelledTexts(Material):
    """Multi-head classification of texts."""

    corpus: Corpus
    data: TextData
    model: MultitaskTextClassifier

    def __post_init__(self) -> None:
        self.name, self.fingerprint = self.corpus.name, self.corpus.fingerprint

    @property
    def facts(self) -> dict[str, object]:
        heads = {head.name: list(head.classes) for head in self.corpus.heads}
        return {**self.corpus.facts, **self.data.length_facts, "heads": heads}

    def metric_names(self) -> Iterator[str]:
        return metric_names(self.corpus.heads)

    @property
    def cuttable(self) -> tuple[TextEncoder, Mapping[str, TokenRows]]:
        return self.model.encoder, self.data.rows

    def tested(self) -> Classified:
        rows, heads = self.corpus.splits["test"], self.corpus.heads
        _, probabilities = predictions(self.model.test_outputs)
        texts = pa.chunked_array([pa.array(batch, pa.string()) for batch in rows.texts.batches(1000)], pa.string())
        return classified(
            self.model.metrics["test"].compute(),
            probabilities,
            rows.labels,
            heads,
            identity={"row": rows.source_rows, "text": texts},
            baselines={"majority": majority(rows.labels, heads)},
            reference=None if rows.probabilities is None else bayes(rows.probabilities, rows.labels, heads),
        )


def prepare_labelled(config: Config, folder: RunFolder, where: Hardware, fresh: bool) -> LabelledTexts:
    """Raises RequestError for whatever is wrong with data, weights or what the two ask of each other."""
    assert isinstance(config.data, Labelled), f"data of kind {config.data.kind} have no label columns"
    assert isinstance(config.model, Encoder | Ngram), f"model of kind {config.model.kind} reads no texts"
    corpus = load(config.data, Path(config.cache.dir).expanduser())
    for note in corpus.notes:
        log.info("%s", note)
    named, cache = f"{corpus.fingerprint}/train", Path(config.cache.dir).expanduser()
    texts = corpus.splits["train"].texts
    tokenizer = tokenizer_of(config.model, lambda: texts.batches(1000), named, cache, folder, fresh)
    steps = config.callbacks.accumulate
    accumulate = partial(accumulation, batches=steps.batches, schedule=steps.schedule)
    pin = pinned(config, where)
    data = TextData(corpus, tokenizer, config.data, config.cache, accumulate, config.seed, pin)
    log.info("%s", lengths_line(data))
    check_metrics(config, metric_names(corpus.heads))
    encoder = text_encoder(config, tokenizer, folder, fresh)
    ends = ends_of_epochs(config, data.num_batches())
    training = Training(config.optimizer, config.scheduler, ends, config.seed)
    pooling = config.model.pooling if isinstance(config.model, Encoder) else None
    model = MultitaskTextClassifier(data.spec, encoder, pooling, config.loss, config.model.dropout, training)
    if fresh:
        tokenizer.save(folder.tokenizer)
        encoder.save_architecture(folder.tokenizer)
    return LabelledTexts(corpus, data, model)


def lengths_line(data: TextData) -> str:
    """One line on how long the texts are and what `max_length` cuts."""
    lengths = data.length_facts["lengths"]
    assert isinstance(lengths, dict)
    return (
        f"lengths in {lengths['unit']}: median {lengths['p50']}, 95 % {lengths['p95']}, 99 % {lengths['p99']}, "
        f"longest {lengths['max']}; max_length {data.spec.max_length} cuts {data.length_facts['truncated_share']:.2%} "
        "of the training texts"
    )
