"""Words of a text, and tokens joined to them without losing a part of their sum."""

from hypothesis import given
from hypothesis import strategies as st

from lab.inference.explain.words import joined, word_places
from lab.models.text.ngram import NgramTokenizer, folded

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


@given(TEXT)
def test_every_character_but_white_space_is_in_one_word(text: str) -> None:
    places = word_places(text)
    covered = [place for start, end in places for place in range(start, end)]
    assert covered == sorted(set(covered))
    assert {place for place, char in enumerate(text) if not char.isspace()} <= set(covered)


@given(TEXT, st.lists(st.tuples(st.integers(0, 70), st.integers(0, 9), st.integers(-9, 9)), max_size=9))
def test_no_part_of_the_sum_is_lost(text: str, parts: list[tuple[int, int, int]]) -> None:
    words = word_places(text)
    tokens = [(min(start, len(text)), min(start + size, len(text))) for start, size, _ in parts]
    total = sum(joined(words, tokens, [float(value) for *_, value in parts]))
    assert abs(total - (sum(value for *_, value in parts) if words else 0)) < 1e-9


def test_words_of_other_writing() -> None:
    for text, words in {
        "vibraci\u00f3n en P-101A, 3.5 mm/s.": ["vibraci\u00f3n", "en", "P-101A", ",", "3.5", "mm/s", "."],
        "vibracio\u0301n": ["vibracio\u0301n"],
        "\u6f0f\u6c34 ok": ["\u6f0f", "\u6c34", "ok"],
        "\u00bfqu\u00e9?": ["\u00bf", "qu\u00e9", "?"],
        "--- a_b": ["-", "-", "-", "a_b"],
    }.items():
        assert [text[start:end] for start, end in word_places(text)] == words


@given(TEXT, st.sampled_from([None, (1, 2), (3, 5)]), st.sampled_from([(1, 1), (1, 3), (2, 2)]))
def test_the_places_of_ngrams_are_those_of_their_ids(
    text: str, chars: tuple[int, int] | None, words: tuple[int, int]
) -> None:
    tokenizer = NgramTokenizer(50, words, chars, None)  # type: ignore[arg-type]
    places = tokenizer.places([text], 5)[0]
    assert len(places) == len(tokenizer.encode([text], 5)[0])
    assert all(0 <= start < end <= len(text) for start, end in places)


def test_the_place_of_an_ngram_has_its_characters() -> None:
    text = "Fuga en V\u00c1LVULA \ufb01na"  # the last word begins with a ligature, which folds to two letters
    tokenizer = NgramTokenizer(10**6, (1, 2), (3, 3), None)  # type: ignore[arg-type]
    parts = {folded(text[start:end]) for start, end in tokenizer.places([text], 9)[0]}
    assert {"valvula", "fuga en", "valvula fina", "val", "ula", "la", "va"} <= parts
