"""Classification of texts with label columns: corpus and tokenizer, an encoder with one head per column, the test.

A new run learns or loads the tokenizer and the encoder's weights, and saves tokenizer and architecture in its folder. A
resumed or tested run, or a loaded model, is built from that folder.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.callbacks.freeze import always_frozen
from lab.config.schema import Config, Encoder, Labelled, Linear, Ngram
from lab.core.batches import HeadSpec, TextSpec, TextWindows
from lab.core.errors import Mistake, RequestError, listed
from lab.core.record.run_folder import RunFolder
from lab.core.reference.content import Reference
from lab.data.text.corpus import load
from lab.data.text.datamodule import TextDataModule
from lab.data.text.streaming.datamodule import StreamedTextDataModule
from lab.models.classifier import Logits, predictions
from lab.models.text.interfaces import BagEncoder, TextEncoder
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.baselines.base import Baseline, SplitRows
from lab.training.baselines.fitted import SimpleModel
from lab.training.baselines.label_rules import majority
from lab.training.baselines.texts import linear_model
from lab.training.build.counted_ngrams import CountedNgrams
from lab.training.build.linear_model import linear_text_classifier
from lab.training.build.text_encoder import TextModel, own_head, text_encoder
from lab.training.build.tokenizer import get_tokenizer, load_tokenizer
from lab.training.doubt.fit_novelty import text_novelty
from lab.training.doubt.novelty import Novelty
from lab.training.evaluation.base import HeldOut
from lab.training.evaluation.classification import (
    ClassificationResult,
    bayes_scores,
    classification_result,
    held_out_classes,
    metric_names,
)
from lab.training.reference.texts import text_reference
from lab.training.residual.request import base_dropout, confidence_weighting, has_base
from lab.training.tasks.base import Sample, TaskDefinition, accumulation_schedule, check_metrics, initial_training_plan

if TYPE_CHECKING:
    from lab.training.residual.text_base import TextBase

log = logging.getLogger(__name__)


class TextClassification(TaskDefinition[TextSpec, TextDataModule, MultitaskTextClassifier]):
    """Multi-head classification of texts."""

    spec_type = TextSpec

    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> TextDataModule:
        assert isinstance(config.data, Labelled), f"data of kind {config.data.kind} have no label columns"
        assert isinstance(config.model, TextModel | Linear), f"model of kind {config.model.kind} reads no texts"
        cache = Path(config.cache.dir).expanduser()
        corpus = load(config.data, cache)
        for note in corpus.notes:
            log.info("%s", note)
        texts, key = corpus.splits["train"].texts, f"{corpus.fingerprint}/train"
        counted = None
        if isinstance(config.model, Ngram):
            counted = CountedNgrams(config.model, texts, key, config.data.max_length, cache)
        learn = None if counted is None else counted.tokenizer
        tokenizer = get_tokenizer(config.model, lambda: texts.batches(1000), key, cache, folder, fresh, learn)
        accumulation = accumulation_schedule(config)
        module = TextDataModule if corpus.stream is None else StreamedTextDataModule
        known = None if counted is None else counted.tokens
        data = module(corpus, tokenizer, config.data, config.cache, accumulation, config.seed, pin_memory, known)
        check_metrics(config, metric_names(corpus.heads, config.metrics.extra))
        _check_head(config, corpus.heads)
        if fresh:
            tokenizer.save(folder.tokenizer)
        return data

    def build_model(
        self, config: Config, spec: TextSpec, folder: RunFolder, fresh: bool, sample: Sample | None = None
    ) -> MultitaskTextClassifier:
        if isinstance(config.model, Linear):
            return linear_text_classifier(config, spec, load_tokenizer(folder.tokenizer), initial_training_plan(config))
        assert isinstance(config.model, TextModel), f"model of kind {config.model.kind} reads no texts"
        if fresh:
            _warn_of_random_layers(config)
        encoder = text_encoder(config, load_tokenizer(folder.tokenizer), folder, fresh)
        head = own_head(config.model, spec, encoder, fresh)
        pooled = head is None and not isinstance(encoder, BagEncoder)
        pooling = getattr(config.model, "pooling", None) if pooled else None
        plan = initial_training_plan(config)
        assert isinstance(config.data, Labelled), f"data of kind {config.data.kind} have no label columns"
        windows = TextWindows(spec.max_length, config.data.max_windows) if config.data.max_windows > 1 else None
        model = MultitaskTextClassifier(spec, encoder, pooling, config.loss, config.model.dropout, plan, head, windows)
        if fresh:
            encoder.save_architecture(folder.tokenizer)
        elif has_base(config):
            model.base = _text_base().load(folder)
        return model

    def attach_base(
        self, config: Config, model: MultitaskTextClassifier, data: TextDataModule, folder: RunFolder, fresh: bool
    ) -> None:
        if has_base(config):
            model.base_dropout, confidence = base_dropout(config), confidence_weighting(config)
            _text_base().attach(model, data, folder, config.cache, fresh, confidence)

    def cacheable_part(self, model: MultitaskTextClassifier) -> TextEncoder:
        return model.encoder

    def reference(self, data: TextDataModule) -> Reference:
        return text_reference(data)

    def held_out(self, model: MultitaskTextClassifier, data: TextDataModule, outputs: Sequence[Logits]) -> HeldOut:
        return held_out_classes(outputs, data.spec.heads)

    def novelty(self, data: TextDataModule, val: HeldOut) -> Novelty:
        return text_novelty(data, val)

    def identity(self, data: TextDataModule, split: str, rows: npt.NDArray[np.int64]) -> Mapping[str, Sequence[object]]:
        part = data.corpus.splits[split]
        texts = [text for batch in part.texts.at(rows).batches(1000) for text in batch]
        return {"row": part.source_rows[rows].tolist(), "text": texts}

    def source_rows(self, data: TextDataModule, split: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return data.corpus.splits[split].source_rows[rows]

    def baselines(self, data: TextDataModule, rows: SplitRows) -> Iterator[Baseline]:
        labels = {
            split: {name: column[kept] for name, column in data.corpus.splits[split].labels.items()}
            for split, kept in rows.items()
        }
        yield majority(labels, data.spec.heads)

    def simple_models(
        self, config: Config, model: MultitaskTextClassifier, data: TextDataModule, rows: SplitRows
    ) -> Iterator[SimpleModel]:
        yield linear_model(config.baselines, model, data, rows)

    def evaluate(self, model: MultitaskTextClassifier, data: TextDataModule) -> ClassificationResult:
        rows, heads = data.corpus.splits["test"], data.spec.heads
        tested, probabilities = predictions(model.test_outputs)  # fewer than all with trainer.limit_test_batches
        kept = tested.numpy()
        texts = pa.chunked_array([pa.array(batch, pa.string()) for batch in rows.texts.batches(1000)], pa.string())
        labels = {name: column[kept] for name, column in rows.labels.items()}
        known = {name: table[kept] for name, table in (rows.probabilities or {}).items()}
        return classification_result(
            model.head_metric("test"),
            probabilities,
            labels,
            heads,
            identity={"row": rows.source_rows[kept], "text": texts.take(pa.array(kept))},
            reference=bayes_scores(known, labels, heads) if known else None,
        )


def _text_base() -> "TextBase":
    from lab.training.residual.text_base import TextBase  # few runs have a base

    return TextBase()


def _warn_of_random_layers(config: Config) -> None:
    frozen = always_frozen(config.callbacks.freeze.layers, config.callbacks.freeze.schedule)
    if frozen and isinstance(config.model, Encoder) and not config.model.pretrained:
        log.warning("callbacks.freeze.layers=%d: with model.pretrained=false these layers keep random weights", frozen)


def _check_head(config: Config, heads: Sequence[HeadSpec]) -> None:
    """Raises RequestError for `model.head=transformers` with several label columns."""
    if getattr(config.model, "head", None) == "transformers" and len(heads) != 1:
        problem = (
            f"transformers' head has one set of classes, and the data have {listed([each.name for each in heads])}"
        )
        raise RequestError(Mistake("model.head", problem, "model.head=linear", "transformers"))
