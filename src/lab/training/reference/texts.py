"""The reference of texts and of questions: labels, characters per column, tokens that the training texts contain.

Cost: characters are counted in at most `MOST_ROWS` rows; the token ids of all training rows are read once.
"""

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from lab.core.batches import HeadSpec, Tokenizer
from lab.core.reference.content import (
    CHARACTERS,
    UNKNOWN_TOKENS,
    Classes,
    Reference,
    seen_ids,
    unknown_shares,
    unknown_shares_of_rows,
)
from lab.data.qa.datamodule import QuestionDataModule
from lab.data.text.datamodule import TextDataModule

MOST_ROWS = 100_000
"""Rows whose characters are counted, at equal distances from one another."""
CHUNK = 1000


def text_reference(data: TextDataModule) -> Reference:
    """Return the reference of labelled texts, without what the model predicts."""
    data.setup("fit")
    data.setup("test")
    reference = Reference(head_counts(data.spec.heads))
    texts = data.corpus.splits["train"].texts
    lengths: dict[str, list[npt.NDArray[np.float64]]] = {}
    for cells in texts.at(_spread(len(texts))).cells(CHUNK):
        for column, values in cells.items():
            lengths.setdefault(column, []).append(pc.utf8_length(values).to_numpy(zero_copy_only=False))
    for column, parts in lengths.items():
        reference.add_numbers(CHARACTERS.format(column), np.concatenate(parts).astype(np.float64), "characters")
    tokens, test = data.rows["train"].tokens, data.rows["test"].tokens
    reference.seen = tokens.counts(data.spec.vocabulary_size) > 0
    reference.seen[_unknown(data.tokenizer)] = False
    shares = unknown_shares_of_rows(test.values, test.offsets, reference.seen)
    reference.add_numbers(UNKNOWN_TOKENS, shares, "share")
    return reference


def question_reference(data: QuestionDataModule) -> Reference:
    """Return the reference of questions with their contexts, without what the model answers."""
    data.setup("fit")
    data.setup("test")
    reference, part = Reference(), data.corpus.splits["train"]
    chosen = [part.questions[row] for row in _spread(len(part.questions)).tolist()]
    reference.add_numbers(CHARACTERS.format("question"), [len(each.text) for each in chosen], "characters")
    contexts = [len(part.contexts[each.context]) for each in chosen]
    reference.add_numbers(CHARACTERS.format("context"), contexts, "characters")
    windows, test = data.rows["train"].windows, data.rows["test"].windows
    reference.seen = seen_ids(windows.values[:, 0], data.spec.vocabulary_size, _unknown(data.tokenizer))
    row_of = np.repeat(test.question_of, test.lengths)
    num = len(data.corpus.splits["test"].questions)
    reference.add_numbers(UNKNOWN_TOKENS, unknown_shares(test.values[:, 0], row_of, num, reference.seen), "share")
    return reference


def head_counts(heads: tuple[HeadSpec, ...]) -> dict[str, Classes]:
    """Return how many training rows have each class."""
    return {head.name: Classes(head.classes, np.array(head.counts, np.int64)) for head in heads}


def _unknown(tokenizer: Tokenizer) -> list[int]:
    """The id that stands for what a tokenizer does not know, if it has one."""
    known: int | None = getattr(tokenizer, "unknown_id", None)
    return [] if known is None else [known]


def _spread(num: int) -> npt.NDArray[np.int64]:
    """At most `MOST_ROWS` places of `num`, at equal distances."""
    return np.unique(np.linspace(0, num - 1, min(num, MOST_ROWS)).astype(np.int64))
