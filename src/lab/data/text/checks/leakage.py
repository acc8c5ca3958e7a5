"""Fairness of the held-out rows: duplicates across splits, contradicting labels, groups in two splits.

Two texts are the same if they differ only in case, accents and spaces. They are the same when masked if they also
differ in tags and digits. Works on the hashes of `lab.data.text.label_survey`. Cost: a sort per split.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.config.schema import Leaks
from lab.core.batches import MISSING
from lab.core.errors import Mistake

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

SAME_LIMIT, MASKED_LIMIT = 0.10, 0.30
"""Limits when `data.leaks.duplicate_share` is null. A random split of 10,120 short notices with 420 duplicates puts
about .07 of the test rows into train; IMDB's own split has .005. Short notices are often equal when masked."""


@dataclass(frozen=True)
class Overlap:
    """Rows of a held-out split whose text also occurs in another split: in train, or test rows in val."""

    split: str
    num_rows: int
    same: int
    masked: int
    """Rows that are the same when masked, those of `same` included."""
    other: str = "train"

    @property
    def name(self) -> str:
        """Name in the run record: `val` and `test` against train, `test_in_val`."""
        return self.split if self.other == "train" else f"{self.split}_in_{self.other}"

    @property
    def same_share(self) -> float:
        """Share of the split's rows with the same text."""
        return self.same / self.num_rows

    @property
    def masked_share(self) -> float:
        """Share of the split's rows with a text that is the same when masked."""
        return self.masked / self.num_rows

    def facts(self) -> dict[str, object]:
        """Return the numbers for the run record."""
        shares = {"same_share": self.same_share, "masked_share": self.masked_share}
        return {"rows": self.num_rows, "same": self.same, "masked": self.masked, **shares}


def overlaps(plain: Mapping[str, Hashes], masked: Mapping[str, Hashes]) -> list[Overlap]:
    """Return the overlap of val and test with train, and of test with val, by which the best epoch is chosen."""
    names = list(plain)
    pairs = [(split, other) for place, other in enumerate(names) for split in names[place + 1 :]]
    sorted_plain, sorted_masked = ({name: np.sort(hashes[name]) for name in names[:-1]} for hashes in (plain, masked))
    return [
        Overlap(
            split,
            len(plain[split]),
            _num_in(plain[split], sorted_plain[other]),
            _num_in(masked[split], sorted_masked[other]),
            other,
        )
        for split, other in pairs
    ]


def _num_in(hashes: Hashes, ascending: Hashes) -> int:
    """The number of hashes that are among those of another split."""
    if not len(ascending):
        return 0
    places = np.searchsorted(ascending, hashes)
    return int((ascending[np.minimum(places, len(ascending) - 1)] == hashes).sum())


def overlap_mistake(overlap: Overlap, given: bool, config: Leaks) -> Mistake | None:
    """Return the mistake of a split that shares too many texts with the other split, else None.

    A number in `duplicate_share` limits masked duplicates; null stands for `SAME_LIMIT` and `MASKED_LIMIT`. In a split
    that was drawn here (`given` is False) only texts that are the same count: texts that are equal when masked are kept
    in one split where possible; where that is impossible, no other draw would do better.
    """
    limit = config.duplicate_share
    limits = [("the same text", overlap.same, overlap.same_share, SAME_LIMIT if limit is None else limit)]
    if given:
        masked_limit = MASKED_LIMIT if limit is None else limit
        limits.append(("the same text but for tags and digits", overlap.masked, overlap.masked_share, masked_limit))
    exceeded = [(kind, num, share, most) for kind, num, share, most in limits if share > most]
    if not exceeded:
        return None
    kind, num, share, most = exceeded[-1]
    problem = (
        f"{num} of {overlap.num_rows} {overlap.split} rows ({share:.1%}) have {kind} as a row of {overlap.other}; "
        f"the limit is {most:.1%}"
    )
    remedy = "data.leaks.action=warn to train all the same"
    if given:
        remedy = (
            f"remove them, let the split be drawn (data.path with all files keeps equal texts on one side), or {remedy}"
        )
    return Mistake("data.leaks.duplicate_share", problem, remedy, limit)


def shared_groups(groups: Mapping[str, Hashes]) -> dict[str, int]:
    """Return the number of groups with rows in both splits of a pair ("train and test"), for pairs that have any."""
    names = list(groups)
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    shared = {f"{first} and {second}": len(np.intersect1d(groups[first], groups[second])) for first, second in pairs}
    return {pair: num for pair, num in shared.items() if num}


def contradictions(texts: Hashes, labels: Ints) -> tuple[int, int]:
    """Return the number of texts that occur with two or more labels, and the number of their rows. texts, labels:
    (rows,)."""
    labelled = labels != MISSING
    codes = np.unique(texts[labelled], return_inverse=True)[1].reshape(-1)
    if not len(codes):
        return 0, 0
    num = int(labels.max()) + 1
    pairs = np.unique(codes * num + labels[labelled])  # one number a pair: sorting columns takes seconds for a million
    several = np.bincount(pairs // num) > 1
    return int(several.sum()), int(several[codes].sum())


def repeated(texts: Hashes) -> npt.NDArray[np.bool_]:
    """Return the rows whose text occurs in another row, too, (rows,)."""
    order = np.argsort(texts, kind="stable")
    equal = texts[order[1:]] == texts[order[:-1]]
    several = np.zeros(len(texts), bool)
    several[order[1:][equal]] = True
    several[order[:-1][equal]] = True
    return several


def num_repeated(texts: Hashes) -> int:
    """Return the number of rows whose text occurs in an earlier row."""
    return len(texts) - len(np.unique(texts))
