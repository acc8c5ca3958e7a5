"""How a plan of the report generator becomes a text: paraphrases, layouts, tags, spellings and slips of the finger.

Every slot of the plan is said in one of its finite paraphrases; layout, accents, case, abbreviations and typos carry no
information about any label. Phrases are picked vectorised from tables spelt beforehand, then a row is one
`str.format`: about 10 microseconds.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from lab.data.text.maintenance import phrases as words

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Draw = Callable[[], Floats]
"""One uniform number in [0, 1) a row, shape (rows,)."""

_UNACCENTED = str.maketrans("áéíóúÁÉÍÓÚ", "aeiouAEIOU")
_NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxsrdfgujkjnbiewedryvesxs", strict=True))
_MAX_TYPOS = 3
_LONG_WORD = re.compile(r"[^\W\d_]{5,}")

_LAYOUTS = (  # symptom and context never meet, so no word pair holds both
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
    """Index drawn in proportion to `weights`: (K,) shared or (rows, K) own; shape (rows,)."""
    cumulative = np.cumsum(np.atleast_2d(np.asarray(weights, dtype=np.float64)), axis=1)
    # the last bound is left out: rounding can never push a draw past the last class
    picked: Ints = (uniform[:, None] * cumulative[:, -1:] >= cumulative[:, :-1]).sum(axis=1)
    return picked


class _Lexicon:
    """The paraphrases of one slot, flat, in four spellings: as they are, unaccented, abbreviated, both."""

    def __init__(self, values: Sequence[words.Phrases]) -> None:
        self.sizes = np.array([len(phrases) for phrases in values])
        self.starts = np.cumsum(self.sizes) - self.sizes
        plain = [phrase for phrases in values for phrase in phrases]
        short = [_abbreviated(phrase) for phrase in plain]
        bare = [[text.translate(_UNACCENTED) for text in texts] for texts in (plain, short)]
        self.num = len(plain)
        self.spellings = np.array([*plain, *bare[0], *short, *bare[1]], dtype=object)

    def say(self, value: Ints, bare: npt.NDArray[np.bool_], short: npt.NDArray[np.bool_], uniform: Floats) -> list[str]:
        phrase = self.starts[value] + (uniform * self.sizes[value]).astype(np.int64)
        said: list[str] = self.spellings[phrase + self.num * (bare + 2 * short)].tolist()
        return said


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
    """The texts of a plan. Accents and case belong to a writer (row), abbreviations to a slot, typos to a word."""
    bare = draw() < 0.2 + 0.5 * difficulty
    said_or_not = {
        "opening": np.zeros(len(bare), dtype=np.int64),
        "action": (draw() > 0.3).astype(np.int64),
        "filler": (draw() > 0.05 + 0.3 * difficulty).astype(np.int64),
    }
    slots = {**plan, **said_or_not}
    said = {
        name: lexicon.say(slots[name], bare, draw() < 0.1 + 0.3 * difficulty, draw())
        for name, lexicon in _lexicons().items()
    }
    tags = _tags(plan["family"], draw)
    said["equipment"] = [f"{name} {tag}" for name, tag in zip(said.pop("family"), tags, strict=True)]
    said["symptom"] = _with_readings(said["symptom"], plan["symptom"], draw)
    layout = pick(_LAYOUT_WEIGHTS, draw()).tolist()
    tail = (draw() * len(_TAILS)).astype(np.int64).tolist()
    case = pick((45, 25, 30), draw()).tolist()
    rows = (dict(zip(said, row, strict=True)) for row in zip(*said.values(), strict=True))
    texts = [_sentence(row, *form) for row, *form in zip(rows, layout, tail, case, strict=True)]
    for _ in range(_MAX_TYPOS):
        wanted, place, kind = draw() < 0.25 * difficulty, draw(), draw()
        for row in np.flatnonzero(wanted).tolist():
            texts[row] = _with_typo(texts[row], float(place[row]), float(kind[row]))
    return texts


def _sentence(said: Mapping[str, str], layout: int, tail: int, case: int) -> str:
    """One report; case 0 is sentence case, 1 all lower, 2 all upper (tags stay upper in 0 only)."""
    rest = ", ".join([said[name] for name in _TAILS[tail] if said[name]]) or words.NOTHING_ELSE
    text = _LAYOUTS[layout].format(**said, tail=rest)
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


def _with_readings(said: list[str], symptom: Ints, draw: Draw) -> list[str]:
    """Quotes a measured value after some of the symptoms that have a unit."""
    ranges = [words.READINGS.get(name) for name in words.SYMPTOMS]
    wanted, level = draw() < 0.2, draw()
    for row in np.flatnonzero(wanted).tolist():
        reading = ranges[symptom[row]]
        if reading:
            unit, low, high = reading
            said[row] = f"{said[row]} {low + int(level[row] * (high - low + 1))} {unit}"
    return said


def _with_typo(text: str, place: float, kind: float) -> str:
    """One slip of the finger in a word of five letters or more: two letters swapped, one lost, doubled or mistyped."""
    found = [match.span() for match in _LONG_WORD.finditer(text)]
    if not found:
        return text
    word = place * len(found)
    start, end = found[int(word)]
    at = start + 1 + int((word % 1) * (end - start - 2))
    slip = (
        text[at + 1] + text[at],
        text[at + 1],
        text[at] * 2 + text[at + 1],
        _NEIGHBOURS.get(text[at].lower(), "e") + text[at + 1],
    )[int(kind * 4)]
    return text[:at] + (slip.upper() if text[at].isupper() else slip) + text[at + 2 :]
