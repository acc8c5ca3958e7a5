"""The tokenizer of a run: loaded from its folder, that of pretrained weights, or learned from the training texts.

A learned vocabulary is cached for all runs on the same texts (trials of a sweep, seeds of a model), because learning
reads all texts twice, half a minute for a million.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tokenizers

from lab.config.schema import Encoder, Linear, Ngram, TextEncoderSettings
from lab.core.batches import Tokenizer
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json
from lab.core.record.run_folder import RunFolder
from lab.data.cache.store import make_entry
from lab.models.linear.tokenizer import NgramSettings, SparseNgramTokenizer
from lab.models.text.interfaces import TOKENIZER_FILE
from lab.models.text.ngram import NgramTokenizer
from lab.models.text.subword_tokenizer import SubwordTokenizer, learned, longest_input, pretrained

FORMAT = 2
"""Version of the cache entries; raise it when the same texts and settings give another vocabulary."""

VOCABULARY_SETTINGS: dict[type, set[str]] = {
    Encoder: {"architecture", "path", "package", "vocabulary_size", "lowercase"},
    Ngram: {"buckets", "word_ngrams", "char_ngrams"},
    Linear: {"buckets", "word_ngrams", "char_ngrams", "min_texts"},
    TextEncoderSettings: {"vocabulary_size", "lowercase", "max_tokens"},
}
"""The settings of a model that decide its vocabulary. The first three of an encoder decide its longest input."""


def get_tokenizer(
    model: Encoder | Ngram | Linear | TextEncoderSettings,
    texts: Callable[[], Iterator[list[str]]],
    texts_key: str,
    cache: Path,
    folder: RunFolder,
    fresh: bool,
    learn: Callable[[], Tokenizer] | None = None,
) -> Tokenizer:
    """The tokenizer of a run; a learned one is read from the cache if it is there.

    texts: streams batches of training texts; texts_key: changes whenever they change; fresh: a new run, otherwise the
    tokenizer is loaded from `folder`; learn: learns the same as `build_tokenizer` in less time.

    Raises RequestError as `build_tokenizer` and `load_tokenizer` do.
    """
    if not fresh:
        return load_tokenizer(folder.tokenizer)
    if isinstance(model, Encoder) and model.pretrained:
        return build_tokenizer(model, texts)
    settings = model.model_dump(mode="json", include=_vocabulary_settings(model))
    key = json.dumps([FORMAT, tokenizers.__version__, texts_key, model.kind, settings])
    entry = cache / "tokens" / f"vocabulary-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    make_entry(entry, lambda partial: (learn() if learn else build_tokenizer(model, texts)).save(partial))
    return load_tokenizer(entry)


def build_tokenizer(
    model: Encoder | Ngram | Linear | TextEncoderSettings, texts: Callable[[], Iterator[list[str]]]
) -> Tokenizer:
    """A tokenizer of pretrained weights, or one learned from the training texts.

    texts: streams batches of training texts; it is called at most twice, and only to learn. Raises RequestError as
    `lab.models.text.weights.locate` does, before any text is read.
    """
    if isinstance(model, Ngram):
        return NgramTokenizer.fitted(model, texts())
    if isinstance(model, Linear):
        ngrams = NgramSettings(model.buckets, model.word_ngrams, model.char_ngrams, model.min_texts)
        return SparseNgramTokenizer.fitted(ngrams, texts())
    if isinstance(model, TextEncoderSettings):
        return learned(model, texts, model.max_tokens)
    return pretrained(model) if model.pretrained else learned(model, texts, longest_input(model))


def _vocabulary_settings(model: Encoder | Ngram | Linear | TextEncoderSettings) -> set[str]:
    return next(names for kind, names in VOCABULARY_SETTINGS.items() if isinstance(model, kind))


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load a tokenizer that `save` wrote. Raises RequestError where it is missing or damaged."""
    path = folder / TOKENIZER_FILE
    if not path.exists():
        raise RequestError(Mistake("", f"{path} is missing: the run's tokenizer is gone", "a whole run folder"))
    try:
        description = read_json(path, dict)
        kinds: dict[object, Any] = {"ngram": NgramTokenizer, "linear": SparseNgramTokenizer}
        tokenizer: Tokenizer = kinds.get(description.get("kind"), SubwordTokenizer).load(folder, description)
        return tokenizer
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("", f"the tokenizer in {folder}: {error}", "a whole run folder")) from error
