"""Texts from the plans of the report generator: paraphrases, layouts, tags, spellings and typos.

Every slot of the plan is expressed by one of its paraphrases; layout, accents, case, abbreviations and typos carry no
information about any label. Phrases are picked vectorised from tables of all spellings, then a row is one `str.format`:
about 10 microseconds.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from lab.data import maintenance_phrases as words

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Draw = Callable[[], Floats]
"""Returns one uniform number in [0, 1) per row, shape (rows,)."""

_UNACCENTED = str.maketrans("áéíóúÁÉÍÓÚ", "aeiouAEIOU")
_NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxsrdfgujkjnbiewedryvesxs", strict=True))
_MAX_TYPOS = 3
_LONG_WORD = re.compile(r"[^\W\d_]{5,}")

_LAYOUTS = (  # symptom and context are never adjacent, so no word pair contains both
    "{opening} {symptom} en {component} de {equipment} {context}, {tail}",
    "{equipment} {context}: {opening} {component} con {symptom}, {tail}",
    "{context}, {equipment} {opening} en {component} {symptom}. {tail}",
    "{symptom} en {component}. {equipment}, {tail}. ocurre {context}",
    "{equipment} / {component} / {symptom} / {tail} / {context}",
    "{component} de {equipment} con {symptom}, {tail}, todo {context}",
)
_LAYOUT_WEIGHTS = (26, 16, 18, 14, 14, 12)
_TAILS: tuple[tuple[str, ...], ...] = (
    ("effect", "spare", "recurrence", "action", "filler"),
    ("recurrence", "effect", "spare", "filler", "action"),
    ("action", "recurrence", "spare", "effect", "filler"),
    ("filler", "effect", "action", "spare", "recurrence"),
)


def pick(weights: npt.ArrayLike, uniform: Floats) -> Ints:
    """Return indices drawn in proportion to `weights`, shape (rows,). weights: (K,) for all rows or (rows, K)."""
    cumulative = np.cumsum(np.atleast_2d(np.asarray(weights, dtype=np.float64)), axis=1)
    # without the last bound, so that rounding never gives an index beyond the last class
    picked: Ints = (uniform[:, None] * cumulative[:, -1:] >= cumulative[:, :-1]).sum(axis=1)
    return picked


class _Lexicon:
    """The paraphrases of one slot as a flat list, in four spellings: unchanged, unaccented, abbreviated, both."""

    def __init__(self, values: Sequence[words.Phrases]) -> None:
        self.sizes = np.array([len(phrases) for phrases in values])
        self.starts = np.cumsum(self.sizes) - self.sizes
        plain = [phrase for phrases in values for phrase in phrases]
        short = [_abbreviated(phrase) for phrase in plain]
        bare = [[text.translate(_UNACCENTED) for text in texts] for texts in (plain, short)]
        self.num = len(plain)
        self.spellings = np.array([*plain, *bare[0], *short, *bare[1]], dtype=object)

    def say(self, value: Ints, bare: npt.NDArray[np.bool_], short: npt.NDArray[np.bool_], uniform: Floats) -> list[str]:
        """Return a paraphrase of each row's value. bare: without accents; short: abbreviated; uniform: in [0, 1)."""
        place = self.starts[value] + (uniform * self.sizes[value]).astype(np.int64)
        phrases: list[str] = self.spellings[place + self.num * (bare + 2 * short)].tolist()
        return phrases


def _abbreviated(phrase: str) -> str:
    for word, short in words.ABBREVIATIONS.items():
        phrase = re.sub(rf"\b{word}\b", short, phrase)
    return phrase


@cache
def _lexicons() -> Mapping[str, _Lexicon]:
    return {
        "family": _Lexicon([family.phrases for family in words.FAMILIES]),
        "component": _Lexicon([part.phrases for part in words.COMPONENTS]),
        "symptom": _Lexicon(list(words.SYMPTOMS.values())),
        "context": _Lexicon(list(words.CONTEXTS.values())),
        "effect": _Lexicon(list(words.EFFECTS.values())),
        "spare": _Lexicon(list(words.SPARES.values())),
        "recurrence": _Lexicon(list(words.RECURRENCES.values())),
        "opening": _Lexicon([words.OPENINGS]),
        "action": _Lexicon([words.ACTIONS, ("",)]),
        "filler": _Lexicon([words.FILLERS, ("",)]),
    }


def render(plan: Mapping[str, Ints], draw: Draw, difficulty: float) -> list[str]:
    """Return the texts of plans. Accents and case vary by row (a writer), abbreviations by slot, typos by word."""
    bare = draw() < 0.2 + 0.5 * difficulty
    optional = {
        "opening": np.zeros(len(bare), dtype=np.int64),
        "action": (draw() > 0.3).astype(np.int64),
        "filler": (draw() > 0.05 + 0.3 * difficulty).astype(np.int64),
    }
    slots = {**plan, **optional}
    phrases = {
        name: lexicon.say(slots[name], bare, draw() < 0.1 + 0.3 * difficulty, draw())
        for name, lexicon in _lexicons().items()
    }
    tags = _tags(plan["family"], draw)
    phrases["equipment"] = [f"{name} {tag}" for name, tag in zip(phrases.pop("family"), tags, strict=True)]
    phrases["symptom"] = _with_readings(phrases["symptom"], plan["symptom"], draw)
    layout = pick(_LAYOUT_WEIGHTS, draw()).tolist()
    tail = (draw() * len(_TAILS)).astype(np.int64).tolist()
    case = pick((45, 25, 30), draw()).tolist()
    rows = (dict(zip(phrases, row, strict=True)) for row in zip(*phrases.values(), strict=True))
    texts = [_sentence(row, *form) for row, *form in zip(rows, layout, tail, case, strict=True)]
    for _ in range(_MAX_TYPOS):
        wanted, place, kind = draw() < 0.25 * difficulty, draw(), draw()
        for row in np.flatnonzero(wanted).tolist():
            texts[row] = _with_typo(texts[row], float(place[row]), float(kind[row]))
    return texts


def _sentence(phrases: Mapping[str, str], layout: int, tail: int, case: int) -> str:
    """One report. case: 0 for sentence case, 1 for lower case, 2 for upper case (also of tags)."""
    rest = ", ".join([phrases[name] for name in _TAILS[tail] if phrases[name]]) or words.NOTHING_ELSE
    text = _LAYOUTS[layout].format(**phrases, tail=rest)
    if case == 2:
        return text.upper()
    return text.lower() if case == 1 else text[0].upper() + text[1:]


def _tags(family: Ints, draw: Draw) -> list[str]:
    """Tags such as P-101A or K-2302: family prefix, unit, number and, for half of them, a letter."""
    prefixes = np.array([family.prefix for family in words.FAMILIES])[family].tolist()
    unit = np.array(words.UNITS)[(draw() * len(words.UNITS)).astype(np.int64)].tolist()
    place = (draw() * 6).astype(np.int64).tolist()
    letter = (draw() * 6).astype(np.int64).tolist()
    return [
        f"{p}-{u}{n + 1:02d}{'ABC   '[a].strip()}" for p, u, n, a in zip(prefixes, unit, place, letter, strict=True)
    ]


def _with_readings(phrases: list[str], symptom: Ints, draw: Draw) -> list[str]:
    """Add a measured value to some of the symptoms that have a unit."""
    ranges = [words.READINGS.get(name) for name in words.SYMPTOMS]
    wanted, level = draw() < 0.2, draw()
    for row in np.flatnonzero(wanted).tolist():
        reading = ranges[symptom[row]]
        if reading:
            unit, low, high = reading
            phrases[row] = f"{phrases[row]} {low + int(level[row] * (high - low + 1))} {unit}"
    return phrases


def _with_typo(text: str, place: float, kind: float) -> str:
    """Add a typo to a word of five letters or more: two letters swapped, one lost, doubled or replaced."""
    spans = [match.span() for match in _LONG_WORD.finditer(text)]
    if not spans:
        return text
    word = place * len(spans)
    start, end = spans[int(word)]
    at = start + 1 + int((word % 1) * (end - start - 2))
    slip = (
        text[at + 1] + text[at],
        text[at + 1],
        text[at] * 2 + text[at + 1],
        _NEIGHBOURS.get(text[at].lower(), "e") + text[at + 1],
    )[int(kind * 4)]
    return text[:at] + (slip.upper() if text[at].isupper() else slip) + text[at + 2 :]
