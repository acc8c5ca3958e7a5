"""The facts that `model=auto` chooses by: of the data, read and checked as a run does, and of this machine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.config.rules.tasks import LABELLED, QUESTIONS, SERIES
from lab.config.schema import Config, Labelled, Questions, Series
from lab.core.batches import HeadSpec
from lab.training.auto.language import language_of
from lab.training.auto.table import RARE, TABLE, Facts, Machine

NUM_TEXTS = 500
"""Texts that the language is read from."""
ROCKET_FEATURES = 9996
"""Features of a window by MiniRocket's defaults, four bytes each."""
FEATURE_GIB = ROCKET_FEATURES * 4 / 2**30
"""Size of these features of a window."""


def facts_of(config: Config) -> Facts:
    """Read the data of a config and return their facts. Raises RequestError with every mistake in the data."""
    data, cache = config.data, Path(config.cache.dir).expanduser()
    if isinstance(data, Questions):
        from lab.data.qa.corpus import load_questions

        return Facts(QUESTIONS, len(load_questions(data, cache).splits["train"].questions), language=data.language)
    if isinstance(data, Series):
        from lab.data.series.dataset import load as load_series

        series = load_series(data)
        rows = len(series.splits["train"])
        return Facts(SERIES, rows, *classes_of([series.head]), timed=series.has_times, feature_gib=rows * FEATURE_GIB)
    assert isinstance(data, Labelled)
    from lab.data.text.corpus import load

    corpus = load(data, cache)
    texts = corpus.splits["train"].texts
    places = np.linspace(0, len(texts) - 1, min(len(texts), NUM_TEXTS)).astype(np.int64)
    sample = next(texts.at(places).batches(NUM_TEXTS))
    streamed = corpus.stream is not None
    num_texts = sum(len(part.texts) for part in corpus.splits.values())
    rows = len(texts) if corpus.stream is None else corpus.stream.num_train
    return Facts(
        LABELLED,
        rows,
        *classes_of(corpus.heads),
        language_of(sample),
        held_out=not (data.split.train_on_val or data.split.refit),
        streamed=streamed,
        words=sum(len(text.split()) for text in sample) * num_texts // len(sample),
        in_windows=data.max_windows > 1,
        labelled=sum(most_classes(corpus.heads).counts),
    )


def classes_of(heads: Sequence[HeadSpec]) -> tuple[int, float]:
    """Return the number of classes of the head with most of them, and the share of these that is rare."""
    head = most_classes(heads)
    return head.num_classes, sum(count < RARE for count in head.counts) / max(1, head.num_classes)


def most_classes(heads: Sequence[HeadSpec]) -> HeadSpec:
    """Return the head with most classes, the first of equal ones."""
    return max(heads, key=lambda head: head.num_classes)


def machine_of(config: Config) -> Machine:
    """Return what is here: weights in packages and in the hub's cache (no network is used), and whether a GPU is."""
    from lab.models.text.weights import shipped_at_hand

    names = sorted({row.model for row in TABLE if row.weights})
    return Machine([name for name in names if shipped_at_hand(name)], lambda: _has_gpu(config))


def _has_gpu(config: Config) -> bool:
    if config.trainer.accelerator == "cpu":
        return False
    import torch

    return torch.cuda.is_available()
