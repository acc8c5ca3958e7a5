"""Subword tokenizers: that of a pretrained model, or a WordPiece vocabulary learned from the training texts.

They use the Rust tokenizer (`tokenizers`), which can be pickled, needs no transformers in a worker and takes about
20 microseconds per text. A learned vocabulary is WordPiece for every family: with random weights the algorithm does not
matter. Equal texts give equal vocabularies. The library's trainer does not ensure this, because it numbers the
characters in the order of a hash map that differs between processes. So it gets the sorted alphabet as special tokens.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from lab.config.schema import Encoder, TextEncoderSettings
from lab.core.batches import FlatIds, Window
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_text, write_whole
from lab.core.record.fields import count, keyed
from lab.models.text.interfaces import TOKENIZER_FILE
from lab.models.text.weights import locate

CORE = "tokenizer.json"
DESCRIBED = keyed("pad_id", "longest", pad_id=count, longest=count)
"""The fields that describe a tokenizer in `TOKENIZER_FILE`; the tokenizer itself is in `CORE`."""
UNKNOWN, PAD, FIRST, LAST = SPECIAL = ("[UNK]", "[PAD]", "[CLS]", "[SEP]")
"""Special tokens of a learned vocabulary, in the order of their ids. Padding has id 1, as MPNet and RoBERTa need."""
MIN_FREQUENCY = 2
"""A learned vocabulary has only pieces that occur at least this often."""
ALPHABET_SHARE = 0.5
"""At most this share of a learned vocabulary are single characters. Each of the most frequent characters has two
entries: at the start of a word and inside a word."""


class SubwordTokenizer:
    """A `tokenizers.Tokenizer` with the interface of this project (`lab.core.batches.PairTokenizer`)."""

    unit = "tokens"

    def __init__(self, core: tokenizers.Tokenizer, pad_id: int, longest: int) -> None:
        core.no_padding()  # published files may pad to a fixed length (MiniLM: 128)
        core.no_truncation()
        self._core = core
        self.pad_id = pad_id
        self.longest = longest
        self.vocabulary_size = max(core.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def unknown_id(self) -> int | None:
        """The id of a piece that is not in the vocabulary; None if every text can be written with it."""
        token: str | None = getattr(self._core.model, "unk_token", None)
        return None if token is None else self._core.token_to_id(token)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Untruncated number of tokens of each text, with its special tokens."""
        self._core.no_truncation()
        return [len(encoding.ids) for encoding in self._core.encode_batch_fast(list(texts))]

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of each text with its special tokens, truncated. Raises RequestError if only special tokens would fit."""
        specials = self._core.num_special_tokens_to_add(False)
        if max_length <= specials:
            problem = f"leaves no room for text: there are {specials} special tokens"
            raise RequestError(Mistake("data.max_length", problem, "data.max_length=auto", max_length))
        self._core.enable_truncation(max_length)
        return [encoding.ids for encoding in self._core.encode_batch_fast(list(texts))]

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        """The ids of `encode` in one array."""
        return FlatIds.of(self.encode(texts, max_length))

    def places(self, texts: Sequence[str], max_length: int) -> list[list[tuple[int, int]]]:
        """Characters [start, end) of the text that each id of `encode` stands for; (-1, -1) for special tokens."""
        self._core.enable_truncation(max_length)
        return [
            [
                (-1, -1) if special else place
                for place, special in zip(each.offsets, each.special_tokens_mask, strict=True)
            ]
            for each in self._core.encode_batch(list(texts))
        ]

    def room(self, questions: Sequence[str], max_length: int) -> list[int]:
        """Tokens of context that fit in addition to each question."""
        specials = self._core.num_special_tokens_to_add(True)
        self._core.no_truncation()
        encoded = self._core.encode_batch_fast(list(questions), add_special_tokens=False)
        return [max_length - specials - len(encoding.ids) for encoding in encoded]

    def windows(
        self, questions: Sequence[str], contexts: Sequence[str], max_length: int, stride: int
    ) -> list[list[Window]]:
        """Inputs for each pair, as in `PairTokenizer`. Raises ValueError if `stride` leaves no room for new context."""
        if min(self.room(questions, max_length), default=stride + 1) <= stride:
            raise ValueError(f"a question leaves no more than stride={stride} tokens of context in {max_length}")
        self._core.enable_truncation(max_length, stride=stride, strategy="only_second")
        encoded = self._core.encode_batch(list(zip(questions, contexts, strict=True)))
        return [[_window(piece) for piece in (first, *first.overflowing)] for first in encoded]

    def pair_places(
        self, questions: Sequence[str], contexts: Sequence[str], max_length: int, stride: int
    ) -> list[list[list[tuple[int, int, int]]]]:
        """For each token of `windows`, which text it is of and its characters there: (0, start, end) in the question,
        (1, start, end) in the context; (-1, -1, -1) for special tokens."""
        self._core.enable_truncation(max_length, stride=stride, strategy="only_second")
        encoded = self._core.encode_batch(list(zip(questions, contexts, strict=True)))
        return [[_pair_places(piece) for piece in (first, *first.overflowing)] for first in encoded]

    def fingerprint(self) -> str:
        """SHA-256 of the vocabulary and its settings; it changes whenever the output of `encode` does."""
        self._core.no_truncation()
        return hashlib.sha256(f"{self.pad_id} {self._core.to_str()}".encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the files from which `load` restores this tokenizer."""
        self._core.no_truncation()
        text = self._core.to_str()
        write_whole(folder / CORE, lambda aside: aside.write_text(text, encoding="utf-8"))
        description = json.dumps({"kind": "subwords", "pad_id": self.pad_id, "longest": self.longest})
        write_whole(folder / TOKENIZER_FILE, lambda aside: aside.write_text(description, encoding="utf-8"))

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> "SubwordTokenizer":
        """The tokenizer that `save` wrote. Raises Unreadable for other content, OSError for a missing file."""
        problem = next(DESCRIBED("it", description), None)
        if problem is not None:
            raise Unreadable(folder / TOKENIZER_FILE, problem)
        text = read_text(folder / CORE)
        try:
            core = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the package raises no narrower type
            raise Unreadable(folder / CORE, f"is no tokenizer: {error}") from error
        return cls(core, description["pad_id"], description["longest"])


def _window(encoding: tokenizers.Encoding) -> Window:
    in_context = [number == 1 for number in encoding.sequence_ids]
    places = [place if inside else (-1, -1) for place, inside in zip(encoding.offsets, in_context, strict=True)]
    return Window(encoding.ids, encoding.type_ids, places)


def _pair_places(encoding: tokenizers.Encoding) -> list[tuple[int, int, int]]:
    parts = zip(encoding.sequence_ids, encoding.offsets, strict=True)
    return [(-1, -1, -1) if number is None else (number, *place) for number, place in parts]


def pretrained(model: Encoder) -> SubwordTokenizer:
    """The tokenizer of a pretrained model. Raises RequestError as `locate` does, and if the tokenizer has no fast
    version or no padding token."""
    from transformers import AutoTokenizer

    from lab.models.text.families import position_limit
    from lab.models.text.transformer import read_config

    folder = locate(model)
    config = read_config(folder)
    # a folder with only vocab.txt (BETO's first release) does not define the case, and the library would lowercase
    described = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))
    settings = {} if described else {"do_lower_case": model.lowercase}
    try:
        whole = AutoTokenizer.from_pretrained(folder, config=config, local_files_only=True, **settings)
    except (OSError, ValueError, ImportError) as error:
        raise _unusable(model, f"its tokenizer cannot be read: {str(error).strip().splitlines()[0]}") from error
    core = getattr(whole, "backend_tokenizer", None)
    if core is None:
        raise _unusable(model, f"its tokenizer {type(whole).__name__} has no fast version (tokenizer.json)")
    if whole.pad_token_id is None:
        raise _unusable(model, "its tokenizer has no padding token")
    return SubwordTokenizer(core, int(whole.pad_token_id), position_limit(config, int(whole.pad_token_id)))


def longest_input(model: Encoder) -> int:
    """The longest input, in tokens, of an encoder that is built from `model.architecture`."""
    from lab.models.text.families import position_limit
    from lab.models.text.transformer import new_config

    return position_limit(new_config(model), SPECIAL.index(PAD))


def learned(
    model: Encoder | TextEncoderSettings, texts: Callable[[], Iterator[list[str]]], longest: int
) -> SubwordTokenizer:
    """A tokenizer with a WordPiece vocabulary of at most `model.vocabulary_size` pieces, learned from `texts`.

    longest: the longest input of the model in tokens.
    """
    vocabulary = _vocabulary(texts, model.lowercase, model.vocabulary_size)
    core = _wordpiece(vocabulary, model.lowercase)
    core.add_special_tokens(list(SPECIAL))
    ends = [(FIRST, vocabulary[FIRST]), (LAST, vocabulary[LAST])]
    core.post_processor = processors.TemplateProcessing(
        single=f"{FIRST} $A {LAST}", pair=f"{FIRST} $A {LAST} $B:1 {LAST}:1", special_tokens=ends
    )
    return SubwordTokenizer(core, vocabulary[PAD], longest)


def _vocabulary(texts: Callable[[], Iterator[list[str]]], lowercase: bool, size: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for batch in texts():
        for text in batch:
            counts.update(text)
    kept, rare = _alphabet(counts, _normalizer(lowercase), max(1, int(size * ALPHABET_SHARE / 2)))
    specials = [*SPECIAL, *kept, *(f"##{char}" for char in kept)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=max(size, len(specials)), min_frequency=MIN_FREQUENCY, special_tokens=specials, show_progress=False
    )
    core = _wordpiece({UNKNOWN: 0}, lowercase)
    core.train_from_iterator(([text.translate(rare) for text in batch] for batch in texts()), trainer)
    return dict(core.get_vocab(with_added_tokens=True))


def _alphabet(
    counts: Counter[str], normalizer: normalizers.Normalizer, limit: int
) -> tuple[list[str], dict[int, None]]:
    """The most frequent normalised characters, sorted, and a `str.translate` table that removes the rare characters."""
    normalised = {char: normalizer.normalize_str(char).split() for char in counts}  # each character independently
    totals: Counter[str] = Counter()
    for char, parts in normalised.items():
        for part in "".join(parts):
            totals[part] += counts[char]
    kept = set(sorted(totals, key=lambda char: (-totals[char], char))[:limit])
    rare = {ord(char): None for char, parts in normalised.items() if not kept.issuperset("".join(parts))}
    return sorted(kept), rare


def _wordpiece(vocabulary: dict[str, int], lowercase: bool) -> tokenizers.Tokenizer:
    core = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN))
    core.normalizer = _normalizer(lowercase)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return core


def _normalizer(lowercase: bool) -> normalizers.Normalizer:
    return normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)


def _unusable(model: Encoder, problem: str) -> RequestError:
    remedy = "a model whose folder holds tokenizer.json"
    return RequestError(Mistake("model.path", problem, remedy, model.path or model.package))
