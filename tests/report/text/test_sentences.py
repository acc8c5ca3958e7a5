from string import Formatter

import pytest

from lab.report.findings import Sentence
from lab.report.text.sentences import CATALOGUE, say


def fields(text: str) -> list[tuple[str, str]]:
    return sorted((name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name)


@pytest.mark.parametrize("key", CATALOGUE)
def test_both_languages_say_the_same_values(key: str) -> None:
    english, spanish = CATALOGUE[key]
    assert fields(english) == fields(spanish)
    assert (english != spanish) or len(english) < 10


def test_what_is_not_known_is_a_dash() -> None:
    sentence = Sentence("winner_tested", {"score": "f1", "value": float("nan")})
    assert say(sentence, "en").endswith("f1 –.")
    assert say(sentence, "es").endswith("f1 –.")
