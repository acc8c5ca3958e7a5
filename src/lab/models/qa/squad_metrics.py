"""Normalisation, exact match and F1 of answers, as in SQuAD's evaluation, for several languages.

Normalised text has lower case, no punctuation or articles, and single spaces (arXiv 1606.05250, for English). F1 uses
bags of words. The best score over the accepted answers of a question counts. The two versions differ for texts that are
empty after normalisation. Version 1.1 compares them like other texts: two such texts match exactly, and their F1 is 0.
Version 2.0 (`no_answer`, arXiv 1806.03822) ignores such accepted answers, and a question without accepted answers needs
an empty answer. These are pure functions; a pair takes about 10 microseconds.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

ARTICLES = {
    "en": ("a", "an", "the"),
    "es": ("el", "la", "los", "las", "un", "una", "unos", "unas"),
    "pt": ("o", "a", "os", "as", "um", "uma"),
}
"""Articles by language. An article that is also another word (la, o, a) is always removed, as "a" is in English."""
_PUNCTUATION = str.maketrans("", "", string.punctuation + "¿¡«»“”‘’…–—")
_ENGLISH_PUNCTUATION = str.maketrans("", "", string.punctuation)
"""The punctuation of SQuAD's evaluation, so that English scores equal its scores."""


def normalised(text: str, language: str) -> str:
    """The text in lower case, without punctuation and articles, with single spaces.

    >>> normalised("¡La bomba P-101!", "es")
    'bomba p101'
    """
    table = _ENGLISH_PUNCTUATION if language == "en" else _PUNCTUATION
    return " ".join(_articles(language).sub(" ", text.lower().translate(table)).split())


def exact_match(answer: str, accepted: str, language: str) -> float:
    """1.0 if both texts are equal after normalisation, otherwise 0.0."""
    return float(normalised(answer, language) == normalised(accepted, language))


def f1(answer: str, accepted: str, language: str) -> float:
    """Harmonic mean of word precision and word recall; 0 if one of the texts has no words.

    >>> f1("la bomba centrífuga", "bomba", "es")
    0.6666666666666666
    """
    given, expected = normalised(answer, language).split(), normalised(accepted, language).split()
    if not given or not expected:
        return 0.0
    shared = sum((Counter(given) & Counter(expected)).values())
    return 2 * shared / (len(given) + len(expected))


def graded(answer: str, accepted: Sequence[str], language: str, no_answer: bool) -> tuple[float, float]:
    """Exact match and F1, each for the accepted answer with the best score.

    Without accepted answers, both are 1 for an empty answer and 0 for any other. no_answer: the rules of version 2.0.

    >>> graded("the", ["a", "pump"], "en", no_answer=False), graded("the", ["a", "pump"], "en", no_answer=True)
    ((1.0, 0.0), (0.0, 0.0))
    """
    counted = [text for text in accepted if normalised(text, language)] if no_answer else list(accepted)
    if not counted:
        empty = float(not normalised(answer, language))
        return empty, empty
    return (
        max(exact_match(answer, text, language) for text in counted),
        max(f1(answer, text, language) for text in counted),
    )


def mean_grades(
    answers: Sequence[str], accepted: Sequence[Sequence[str]], language: str, no_answer: bool
) -> dict[str, float]:
    """Mean exact match (`em`) and mean `f1` over all questions, between 0 and 1; NaN without questions."""
    if not answers:
        return {"em": float("nan"), "f1": float("nan")}
    grades = [graded(answer, texts, language, no_answer) for answer, texts in zip(answers, accepted, strict=True)]
    return {"em": sum(em for em, _ in grades) / len(grades), "f1": sum(score for _, score in grades) / len(grades)}


@lru_cache
def _articles(language: str) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(ARTICLES[language])})\b")
