"""Texts ready for training: tokenised splits, their spec and loaders, and what the record says of their lengths.

Order matters and goes one way: corpus -> tokenizer (learned from training texts where the model has no own) -> lengths
-> `max_length` -> tokens -> loaders.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.config.schema import Cache, Labelled
from lab.core.batches import TextBatch, TextSpec, Tokenizer
from lab.core.errors import Mistake, RequestError
from lab.data.batch_sampler import Draw, EvalDraws, TrainDraws
from lab.data.cache.store import prune
from lab.data.dataloader import Loader, TokenRows
from lab.data.progress_lines import ticker
from lab.data.text.corpus import Corpus
from lab.data.text.token_cache import full_lengths, tokenise


class TextData:
    """The three splits of a corpus as loaders.

    accumulation: epoch -> micro-batches per optimizer step. Raises RequestError where `data.max_length` is more than
    the model can read.
    """

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        config: Labelled,
        cache: Cache,
        accumulation: Callable[[int], int],
        seed: int,
        pin_memory: bool,
    ) -> None:
        self.corpus, self.config, self.accumulation, self.seed = corpus, config, accumulation, seed
        self.pin_memory = pin_memory
        self.batch_size = config.batch_size
        folder = Path(cache.dir).expanduser()
        texts = corpus.splits["train"].texts
        key = f"{corpus.fingerprint}/train"
        lengths = full_lengths(texts, tokenizer, folder, key, ticker("measuring train", len(texts)))
        max_length = resolve_max_length(config.max_length, lengths, tokenizer)
        if config.max_tokens is not None and config.max_tokens < max_length:
            problem = f"does not hold one text of data.max_length={max_length} {tokenizer.unit}"
            raise RequestError(
                Mistake("data.max_tokens", problem, f"data.max_tokens={16 * max_length}", config.max_tokens)
            )
        self.length_facts = length_facts(lengths, max_length, tokenizer.unit)
        self.rows = {
            split: TokenRows(
                tokenise(
                    rows.texts,
                    tokenizer,
                    max_length,
                    folder,
                    f"{corpus.fingerprint}/{split}",
                    ticker(f"tokenising {split}", len(rows.texts)),
                ),
                rows.labels,
                corpus.heads,
                tokenizer.pad_id,
            )
            for split, rows in corpus.splits.items()
        }
        prune(folder, cache.max_gib)
        self.spec = TextSpec(corpus.heads, tokenizer.vocabulary_size, tokenizer.pad_id, max_length)

    def train_loader(self) -> Loader:
        return self._loader("train", self.train_draws())

    def val_loader(self) -> Loader:
        return self._loader("val", EvalDraws(self.rows["val"].tokens.lengths, self.config.eval_batch_size))

    def test_loader(self) -> Loader:
        return self._loader("test", EvalDraws(self.rows["test"].tokens.lengths, self.config.eval_batch_size))

    def train_draws(self, accumulation: Callable[[int], int] | None = None) -> TrainDraws:
        lengths, steps = self.rows["train"].tokens.lengths, accumulation or self.accumulation
        return TrainDraws(lengths, self.batch_size, steps, self.seed, self.config.max_tokens)

    def num_batches(self) -> int:
        return len(self.train_draws())

    def whole_windows(self) -> Loader:
        """Training batches from the start each time, each an accumulation window of its own."""
        return Loader(self.rows["train"], self.train_draws(lambda _: 1), 0, False, False)

    def longest(self, size: int) -> TextBatch:
        """One training batch of the `size` longest rows (repeated where there are fewer): the worst case for memory."""
        order = np.argsort(-self.rows["train"].tokens.lengths.astype(np.int64), kind="stable")
        rows = np.resize(order, size)
        return self.rows["train"][Draw(rows, rows)]

    def _loader(self, split: str, draws: TrainDraws | EvalDraws) -> Loader:
        config = self.config
        return Loader(self.rows[split], draws, config.num_workers, self.pin_memory, config.persistent_workers)


def resolve_max_length(asked: int | str, lengths: npt.NDArray[np.int32], tokenizer: Tokenizer) -> int:
    """`auto`: the 99th percentile of the training lengths, at most what the model reads.

    A number is taken at its word.
    """
    if asked == "auto":
        return min(max(2, int(np.percentile(lengths, 99, method="inverted_cdf"))), tokenizer.longest)
    assert isinstance(asked, int)
    if asked > tokenizer.longest:
        problem = f"the model reads at most {tokenizer.longest} {tokenizer.unit}"
        raise RequestError(Mistake("data.max_length", problem, f"data.max_length={tokenizer.longest} or auto", asked))
    return asked


def length_facts(lengths: npt.NDArray[np.int32], max_length: int, unit: str) -> dict[str, object]:
    """Percentiles of the training lengths and the share of texts that `max_length` cuts."""
    p50, p95, p99 = (int(value) for value in np.percentile(lengths, [50, 95, 99], method="inverted_cdf"))
    return {
        "max_length": max_length,
        "truncated_share": float(np.mean(lengths > max_length)),
        "lengths": {"p50": p50, "p95": p95, "p99": p99, "max": int(lengths.max()), "unit": unit},
    }
