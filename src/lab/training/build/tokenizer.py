"""A run's tokenizer: its own again, the one of pretrained weights, or one learned from the training texts.

What was learned is kept in the cache for every run on the same texts (the trials of a sweep, the seeds of a model):
learning reads all of them twice, half a minute for a million.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import tokenizers

from lab.config.schema import Encoder, Ngram
from lab.core.batches import Tokenizer
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json
from lab.core.record.run_folder import RunFolder
from lab.data.cache.store import made
from lab.models.text.interfaces import TOKENIZER_FILE
from lab.models.text.ngram import NgramTokenizer
from lab.models.text.subword_tokenizer import SubwordTokenizer, learned, pretrained

FORMAT = 1
"""To be raised when the same texts and settings would give another vocabulary."""

READ: dict[type, set[str]] = {
    Encoder: {"architecture", "path", "package", "vocabulary_size", "lowercase"},
    Ngram: {"buckets", "word_ngrams", "char_ngrams"},
}
"""Of a model's settings those that its vocabulary follows from; the first three of an encoder: how much it can read."""


def get_tokenizer(
    model: Encoder | Ngram,
    texts: Callable[[], Iterator[list[str]]],
    named: str,
    cache: Path,
    folder: RunFolder,
    fresh: bool,
) -> Tokenizer:
    """texts: streams batches of training texts; named: what changes whenever they do; fresh: no resumed or tested run.

    Raises RequestError as `build_tokenizer` and `load_tokenizer` do.
    """
    if not fresh:
        return load_tokenizer(folder.tokenizer)
    if isinstance(model, Encoder) and model.pretrained:
        return build_tokenizer(model, texts)
    read = model.model_dump(mode="json", include=READ[type(model)])
    about = json.dumps([FORMAT, tokenizers.__version__, named, model.kind, read])
    kept = cache / "tokens" / f"vocabulary-{hashlib.sha256(about.encode()).hexdigest()[:32]}"
    made(kept, lambda aside: build_tokenizer(model, texts).save(aside))
    return load_tokenizer(kept)


def build_tokenizer(model: Encoder | Ngram, texts: Callable[[], Iterator[list[str]]]) -> Tokenizer:
    """texts: streams batches of training texts; read only where a vocabulary or weights are learned from them, up to
    twice. Raises RequestError as `lab.models.text.weights.locate` does, before any text is read."""
    if isinstance(model, Ngram):
        return NgramTokenizer.fitted(model, texts())
    return pretrained(model) if model.pretrained else learned(model, texts)


def load_tokenizer(folder: Path) -> Tokenizer:
    """What `save` wrote. Raises RequestError where it is missing or damaged."""
    path = folder / TOKENIZER_FILE
    if not path.exists():
        raise RequestError(Mistake("", f"{path} is missing: the run's tokenizer is gone", "a whole run folder"))
    try:
        description = read_json(path, dict)
        kind = NgramTokenizer if description.get("kind") == "ngram" else SubwordTokenizer
        return kind.load(folder, description)
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("", f"the tokenizer in {folder}: {error}", "a whole run folder")) from error
