"""Answers compared: normalisation, exact match and token F1, as SQuAD's evaluation has them, by language.

Normalised: lower case, no punctuation, no articles of the language, single spaces (arXiv 1606.05250; its evaluation
knows English articles only). F1 is over bags of words; the best of a question's accepted answers counts. The two
evaluations differ where nothing is left of a text once it is normalised. Version 1.1 compares such texts as any other:
two of them match exactly and share no word (F1 0). Version 2.0 (`no_answer`, arXiv 1806.03822) leaves such accepted
answers out; a question without any is met by an answer of which nothing is left. Pure; about 10 microseconds a pair.
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
"""By language; what of them is also another word (la, o, a) is dropped all the same, as "a" is in English."""
_PUNCTUATION = str.maketrans("", "", string.punctuation + "¿¡«»“”‘’…–—")
_ENGLISH_PUNCTUATION = str.maketrans("", "", string.punctuation)
"""SQuAD's own: English scores must be those of its evaluation."""


def normalised(text: str, language: str) -> str:
    """
    >>> normalised("¡La bomba P-101!", "es")
    'bomba p101'
    """
    table = _ENGLISH_PUNCTUATION if language == "en" else _PUNCTUATION
    return " ".join(_articles(language).sub(" ", text.lower().translate(table)).split())


def exact_match(answer: str, accepted: str, language: str) -> float:
    """1.0 where both are the same once normalised."""
    return float(normalised(answer, language) == normalised(accepted, language))


def f1(answer: str, accepted: str, language: str) -> float:
    """Harmonic mean of the shares of words that the two have in common; 0 where one has no word.

    >>> f1("la bomba centrífuga", "bomba", "es")
    0.6666666666666666
    """
    given, wanted = normalised(answer, language).split(), normalised(accepted, language).split()
    if not given or not wanted:
        return 0.0
    shared = sum((Counter(given) & Counter(wanted)).values())
    return 2 * shared / (len(given) + len(wanted))


def graded(answer: str, accepted: Sequence[str], language: str, no_answer: bool) -> tuple[float, float]:
    """Exact match and F1 against the accepted answer that fits best; against none, whether the answer is empty.

    no_answer: grade as version 2.0 does.

    >>> graded("the", ["a", "pump"], "en", no_answer=False), graded("the", ["a", "pump"], "en", no_answer=True)
    ((1.0, 0.0), (0.0, 0.0))
    """
    wanted = [one for one in accepted if normalised(one, language)] if no_answer else list(accepted)
    if not wanted:
        silent = float(not normalised(answer, language))
        return silent, silent
    return (
        max(exact_match(answer, one, language) for one in wanted),
        max(f1(answer, one, language) for one in wanted),
    )


def mean_grades(
    answers: Sequence[str], accepted: Sequence[Sequence[str]], language: str, no_answer: bool
) -> dict[str, float]:
    """`em` and `f1` over N questions, between 0 and 1; NaN of none."""
    if not answers:
        return {"em": float("nan"), "f1": float("nan")}
    grades = [graded(answer, one, language, no_answer) for answer, one in zip(answers, accepted, strict=True)]
    return {"em": sum(em for em, _ in grades) / len(grades), "f1": sum(score for _, score in grades) / len(grades)}


@lru_cache
def _articles(language: str) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(ARTICLES[language])})\b")
