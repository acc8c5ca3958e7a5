"""The tokenizer a request asks for, and the one a run folder holds."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lab.batches import Tokenizer
from lab.errors import Mistake, RequestError
from lab.files import Unreadable, read_json
from lab.models.ngram import NgramTokenizer
from lab.models.subwords import SubwordTokenizer, learned, pretrained
from lab.models.text_encoder import TOKENIZER_FILE
from lab.schema import Encoder, Ngram


def build_tokenizer(model: Encoder | Ngram, texts: Callable[[], Iterator[list[str]]]) -> Tokenizer:
    """texts: streams batches of training texts; read only where a vocabulary or weights are learned from them, up to
    twice. Raises RequestError as `lab.models.hub.locate` does, before any text is read."""
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
