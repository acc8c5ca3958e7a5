"""N-grams of enough texts get ids of their own; ids and places belong together; words come first."""

from pathlib import Path

from lab.core.files import read_json
from lab.models.linear.tokenizer import NgramSettings, SparseNgramTokenizer
from lab.models.text.interfaces import TOKENIZER_FILE

TEXTS = ["fuga de aceite", "fuga de agua", "ruido en motor", "ruido en bomba", "Fúga única"]
SETTINGS = NgramSettings(buckets=2**12, min_texts=2)


def fitted() -> SparseNgramTokenizer:
    return SparseNgramTokenizer.fitted(SETTINGS, [TEXTS[:2], TEXTS[2:]])


def test_ids_are_dense_and_only_of_ngrams_of_two_texts() -> None:
    tokenizer = fitted()
    ids = tokenizer.encode(TEXTS, 100)
    assert {index for row in ids for index in row} == set(range(1, tokenizer.vocabulary_size))
    assert (tokenizer.idf[1:] > 0).all()
    assert tokenizer.idf[0] == 0
    assert 1 < tokenizer.num_word_ids < tokenizer.vocabulary_size - 1
    assert tokenizer.encode(["xyzzy"], 100) == [[]]
    assert len(SparseNgramTokenizer.fitted(NgramSettings(2**12), [TEXTS]).idf) > len(tokenizer.idf)


def test_places_belong_to_ids() -> None:
    tokenizer = fitted()
    ids, places = tokenizer.encode(TEXTS, 100), tokenizer.places(TEXTS, 100)
    assert [len(row) for row in ids] == [len(row) for row in places]
    words = {
        TEXTS[0][slice(*span)] for index, span in zip(ids[0], places[0], strict=True) if index <= tokenizer.num_word_ids
    }
    assert words == {"fuga", "de", "fuga de"}


def test_a_saved_tokenizer_is_the_same(tmp_path: Path) -> None:
    tokenizer = fitted()
    tokenizer.save(tmp_path)
    loaded = SparseNgramTokenizer.load(tmp_path, read_json(tmp_path / TOKENIZER_FILE, dict))
    assert loaded.encode(TEXTS, 100) == tokenizer.encode(TEXTS, 100)
    assert loaded.fingerprint() == tokenizer.fingerprint()
    assert read_json(tmp_path / TOKENIZER_FILE, dict)["kind"] == "linear"


def test_a_tokenizer_of_an_earlier_version_keeps_its_weights(tmp_path: Path) -> None:
    tokenizer = fitted()
    tokenizer.save(tmp_path)
    description = read_json(tmp_path / TOKENIZER_FILE, dict)
    assert tokenizer.sublinear
    assert description.pop("sublinear") is True
    assert not SparseNgramTokenizer.load(tmp_path, description).sublinear
