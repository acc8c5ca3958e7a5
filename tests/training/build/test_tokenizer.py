"""A vocabulary is learned once for the same texts and settings, and shared by all runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Encoder, Ngram
from lab.core.batches import Tokenizer
from lab.core.record.run_folder import RunFolder
from lab.models.text.ngram import NgramTokenizer
from lab.training.build import tokenizer
from lab.training.build.tokenizer import build_tokenizer

CONF = Path(__file__).parents[3] / "conf"
TEXTS = [f"el motor {number % 7} vibra y la bomba pierde aceite" for number in range(50)]


class Stream:
    """Counts how often the texts are read."""

    def __init__(self, texts: list[str] = TEXTS) -> None:
        self.texts, self.reads = texts, 0

    def __call__(self) -> Iterator[list[str]]:
        self.reads += 1
        yield self.texts


def model(*words: str) -> Encoder | Ngram:
    with initialize_config_dir(str(CONF)):
        result = check(compose("config", list(words))).model
    assert isinstance(result, Encoder | Ngram)
    return result


def learned(folder: Path, texts: Stream, *words: str, texts_key: str = "a") -> Tokenizer:
    return tokenizer.get_tokenizer(model(*words), texts, texts_key, folder, RunFolder(folder / "run"), True)


@pytest.mark.parametrize("words", [["model=tiny"], ["model=ngram"]])
def test_a_second_run_reads_no_text(tmp_path: Path, words: list[str]) -> None:
    first, again = Stream(), Stream()
    result = learned(tmp_path, first, *words)
    assert first.reads > 0
    same = learned(tmp_path, again, *words)
    assert again.reads == 0
    plain = build_tokenizer(model(*words), Stream())
    assert result.fingerprint() == same.fingerprint() == plain.fingerprint()
    assert result.encode(TEXTS, 20) == same.encode(TEXTS, 20) == plain.encode(TEXTS, 20)
    if isinstance(plain, NgramTokenizer):
        assert isinstance(result, NgramTokenizer)
        assert isinstance(same, NgramTokenizer)
        assert (result.idf == same.idf).all()
        assert (result.idf == plain.idf).all()


@pytest.mark.parametrize(
    ("first_words", "second_words"),
    [(["model=tiny"], ["model=tiny", "model.dropout=0.3", "model.pooling=max"]),
     (["model=ngram"], ["model=ngram", "model.dimension=12", "model.ngram_dropout=0.1"])],
)  # fmt: skip
def test_runs_that_differ_in_other_settings_share_it(
    tmp_path: Path, first_words: list[str], second_words: list[str]
) -> None:
    """Such as the trials of a sweep over dropout."""
    learned(tmp_path, Stream(), *first_words)
    again = Stream()
    learned(tmp_path, again, *second_words)
    assert again.reads == 0


def test_other_texts_and_other_settings_are_learned_separately(tmp_path: Path) -> None:
    learned(tmp_path, Stream(), "model=tiny")
    for words, texts_key in ((["model=tiny"], "b"), (["model=tiny", "model.vocabulary_size=60"], "a")):
        other = Stream()
        learned(tmp_path, other, *words, texts_key=texts_key)
        assert other.reads > 0


def test_a_damaged_vocabulary_is_learned_again(tmp_path: Path) -> None:
    result = learned(tmp_path, Stream(), "model=tiny")
    (kept,) = (tmp_path / "tokens").glob("vocabulary-*")
    (kept / "tokenizer.json").write_text("{}")
    again = Stream()
    assert learned(tmp_path, again, "model=tiny").fingerprint() == result.fingerprint()
    assert again.reads > 0
