"""The weights of n-grams counted from ids that the run needs anyway, so that a text is not encoded twice.

The order is lengths -> `max_length` -> ids, which go to the cache -> weights. Only a text that `max_length` cuts is
encoded once more, since the weights are of all of its n-grams. Many texts are counted by two processes.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.config.schema import Ngram
from lab.core.batches import FlatIds
from lab.core.processes.background import is_possible
from lab.data.progress_lines import ticker
from lab.data.text.corpus import Texts
from lab.data.text.datamodule import resolve_max_length
from lab.data.text.token_cache import CHUNK, HALVED, Tokens, full_lengths, tokenise
from lab.models.text.ngram import LONGEST, NgramTokenizer


class CountedNgrams:
    """Training texts whose ids are counted.

    key: identifies the texts in the cache; max_length: as requested. tokens: their ids, once they have been counted.
    """

    tokens: Tokens | None = None

    def __init__(self, model: Ngram, texts: Texts, key: str, max_length: int | str, cache: Path) -> None:
        self.model, self.texts, self.key, self.max_length, self.cache = model, texts, key, max_length, cache
        self.ids = NgramTokenizer.unweighted(model)

    def tokenizer(self) -> NgramTokenizer:
        """The tokenizer that `NgramTokenizer.fitted` makes of the texts. Raises RequestError as `resolve_max_length`
        does."""
        num = len(self.texts)
        lengths = full_lengths(self.texts, self.ids, self.cache, self.key, ticker("measuring train", num))
        longest = resolve_max_length(self.max_length, lengths, self.ids)
        progress = ticker("tokenising train", num)
        self.tokens = tokenise(self.texts, self.ids, longest, self.cache, self.key, progress)
        is_cut = lengths > longest
        if num < HALVED or not is_possible():
            return NgramTokenizer.fitted_to_ids(self.model, self._encoded(self.tokens, is_cut, 0, num))
        halves = [partial(self._encoded, self.tokens, is_cut, *ends) for ends in ((0, num // 2), (num // 2, num))]
        return NgramTokenizer.fitted_by_two(self.model, halves)

    def _encoded(self, tokens: Tokens, is_cut: npt.NDArray[np.bool_], first: int, last: int) -> Iterator[FlatIds]:
        """Yield all ids of the texts `first` to `last` - 1, in any order. is_cut: (N,) of all N texts."""
        for start in range(first, last, CHUNK):
            end = min(start + CHUNK, last)
            stored, whole = tokens.flat(start, end), ~is_cut[start:end]
            if not whole.all():
                stored = FlatIds(stored.ids[np.repeat(whole, stored.lengths)], stored.lengths[whole])
            yield stored
        for batch in self.texts.at(first + np.flatnonzero(is_cut[first:last])).batches(CHUNK):
            yield self.ids.encode_flat(batch, LONGEST)
