"""Texts ready for training: tokenised splits, their spec, and the facts about their lengths for the record.

The order is fixed: corpus -> tokenizer (learned from the training texts if the model brings none) -> lengths ->
`max_length` -> tokens. Lengths are measured when the module is made, since the spec follows from them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.config.schema import Cache, Labelled
from lab.core.batches import SPECIALS, TextSpec, TextWindows, Tokenizer
from lab.core.errors import Mistake, RequestError
from lab.data.dataloader import TokenRows, Width
from lab.data.datamodule import DataModule
from lab.data.progress_lines import ticker
from lab.data.text.corpus import Corpus
from lab.data.text.token_cache import Tokens, full_lengths, tokenise


class TextDataModule(DataModule[TokenRows]):
    """The three splits of a corpus of labelled texts.

    accumulation: epoch -> micro-batches per optimizer step. train: the ids of the training texts, where they are known
    already. Raises RequestError if `data.max_length` is more than the
    model can read, or if `data.max_tokens` is less than one text.
    """

    spec: TextSpec

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        config: Labelled,
        cache: Cache,
        accumulation: Callable[[int], int],
        seed: int,
        pin_memory: bool,
        train: Tokens | None = None,
    ) -> None:
        super().__init__(corpus.name, corpus.fingerprint, config, accumulation, seed, pin_memory)
        self.corpus, self.tokenizer, self.cache = corpus, tokenizer, cache
        self.cache_folder = Path(cache.dir).expanduser()
        self.max_tokens, self._train = config.max_tokens, train
        texts = corpus.splits["train"].texts
        key = f"{corpus.fingerprint}/train"
        lengths = full_lengths(texts, tokenizer, self.cache_folder, key, ticker("measuring train", len(texts)))
        max_length = resolve_max_length(config.max_length, lengths, tokenizer)
        if config.max_tokens is not None and config.max_tokens < max_length:
            problem = f"has no room for a text of data.max_length={max_length} {tokenizer.unit}"
            raise RequestError(
                Mistake("data.max_tokens", problem, f"data.max_tokens={16 * max_length}", config.max_tokens)
            )
        self.windows = windows_of(tokenizer, max_length, config.max_windows)
        self.length_facts = length_facts(lengths, max_length, tokenizer.unit)
        self.spec = TextSpec(corpus.heads, tokenizer.vocabulary_size, tokenizer.pad_id, max_length)

    @property
    def facts(self) -> dict[str, object]:
        heads = {head.name: list(head.classes) for head in self.corpus.heads}
        return {**self.corpus.facts, **self.length_facts, "heads": heads}

    def summary(self) -> str:
        """One line about the lengths of the texts and how many of them `max_length` cuts."""
        lengths = self.length_facts["lengths"]
        assert isinstance(lengths, dict)
        return (
            f"lengths in {lengths['unit']}: median {lengths['p50']}, 95 % {lengths['p95']}, 99 % {lengths['p99']}, "
            f"longest {lengths['max']}; max_length {self.spec.max_length} cuts "
            f"{self.length_facts['truncated_share']:.2%} of the training texts"
        )

    def make_rows(self, split: str) -> TokenRows:
        rows, key = self.corpus.splits[split], f"{self.corpus.fingerprint}/{split}"
        longest = self.spec.max_length if split == "train" else self.windows.longest
        tokens = self._train if split == "train" else None
        if tokens is None:
            progress = ticker(f"tokenising {split}", len(rows.texts))
            tokens = tokenise(rows.texts, self.tokenizer, longest, self.cache_folder, key, progress)
        # a budget of tokens counts padding, and a bag of words has none
        fixed = self.max_tokens is not None or self.tokenizer.unit != "tokens"
        width = Width() if fixed else Width(self.width_multiple, max(longest, self.tokenizer.longest))
        return TokenRows(tokens, rows.labels, self.corpus.heads, self.spec.pad_id, width)

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].tokens.lengths


def resolve_max_length(requested: int | str, lengths: npt.NDArray[np.int32], tokenizer: Tokenizer) -> int:
    """Return the longest input: a number as it is, `auto` as the 99th percentile of the training lengths.

    Raises RequestError for a number above what the model reads; `auto` never exceeds that.
    """
    if requested == "auto":
        return min(max(2, int(np.percentile(lengths, 99, method="inverted_cdf"))), tokenizer.longest)
    assert isinstance(requested, int)
    if requested > tokenizer.longest:
        problem = f"the model reads at most {tokenizer.longest} {tokenizer.unit}"
        remedy = f"data.max_length={tokenizer.longest} or auto"
        raise RequestError(Mistake("data.max_length", problem, remedy, requested))
    return requested


def windows_of(tokenizer: Tokenizer, max_length: int, most: int) -> TextWindows:
    """Return the windows of texts that are longer than `max_length`.

    Raises RequestError for several windows of a tokenizer that does not put one special token before a text and one
    after it.
    """
    if most > 1 and (specials := len(tokenizer.encode([""], max_length)[0])) != SPECIALS:
        problem = f"windows need a special token before and one after a text, and the tokenizer has {specials}"
        raise RequestError(Mistake("data.max_windows", problem, "data.max_windows=1", most))
    return TextWindows(max_length, most)


def length_facts(lengths: npt.NDArray[np.int32], max_length: int, unit: str) -> dict[str, object]:
    """Return percentiles of the training lengths and the share of texts that `max_length` cuts."""
    p50, p95, p99 = (int(value) for value in np.percentile(lengths, [50, 95, 99], method="inverted_cdf"))
    return {
        "max_length": max_length,
        "truncated_share": float(np.mean(lengths > max_length)),
        "lengths": {"p50": p50, "p95": p95, "p99": p99, "max": int(lengths.max()), "unit": unit},
    }
