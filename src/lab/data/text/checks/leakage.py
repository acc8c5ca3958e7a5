"""Whether the held-out rows are a fair test: duplicates across splits, contradictions, groups on two sides.

Two texts are the same when they differ in case, accents and spaces only, and the same when masked when tags and digits
are set aside as well (text.md's definition). Works on the hashes of `lab.data.text.label_survey`; cost: a sort per
split.
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
"""Limits when `data.leaks.duplicate_share` is null. 420 duplicates among 10,120 short notices, split at random, put
about .07 of the test rows into train; IMDB's own split has .005. Masked texts of short notices collide by nature."""


@dataclass(frozen=True)
class Overlap:
    """Rows of one held-out split whose text also stands in another split: in train, or test rows in val."""

    split: str
    num_rows: int
    same: int
    masked: int
    """Includes the same ones."""
    other: str = "train"

    @property
    def name(self) -> str:
        """Its name in the run record: `val` and `test` against train, `test_in_val`."""
        return self.split if self.other == "train" else f"{self.split}_in_{self.other}"

    @property
    def same_share(self) -> float:
        return self.same / self.num_rows

    @property
    def masked_share(self) -> float:
        return self.masked / self.num_rows

    def facts(self) -> dict[str, object]:
        shares = {"same_share": self.same_share, "masked_share": self.masked_share}
        return {"rows": self.num_rows, "same": self.same, "masked": self.masked, **shares}


def overlaps(plain: Mapping[str, Hashes], masked: Mapping[str, Hashes]) -> list[Overlap]:
    """How many rows of val and of test have their text in train, and of test in val, where the best epoch is chosen."""
    names = list(plain)
    pairs = [(split, other) for place, other in enumerate(names) for split in names[place + 1 :]]
    return [
        Overlap(
            split,
            len(plain[split]),
            int(np.isin(plain[split], plain[other]).sum()),
            int(np.isin(masked[split], masked[other]).sum()),
            other,
        )
        for split, other in pairs
    ]


def judge(overlap: Overlap, given: bool, config: Leaks) -> Mistake | None:
    """The mistake when too much of a split stands in the other one, else None.

    A number in `duplicate_share` is a limit on masked duplicates; null stands for `SAME_LIMIT` and `MASKED_LIMIT`. In a
    split that was drawn here (`given` false) only texts that are the same count: texts equal when masked were kept on
    one side where that was possible, and where it was not, no other draw would do better.
    """
    limit = config.duplicate_share
    bounds = [("the same text", overlap.same, overlap.same_share, SAME_LIMIT if limit is None else limit)]
    if given:
        masked_limit = MASKED_LIMIT if limit is None else limit
        bounds.append(("the same text but for tags and digits", overlap.masked, overlap.masked_share, masked_limit))
    broken = [bound for bound in bounds if bound[2] > bound[3]]
    if not broken:
        return None
    kind, num, share, bound_share = broken[-1]
    problem = (
        f"{num} of {overlap.num_rows} {overlap.split} rows ({share:.1%}) have {kind} as a row of {overlap.other}; "
        f"the limit is {bound_share:.1%}"
    )
    remedy = "data.leaks.action=warn to train all the same"
    if given:
        remedy = f"remove them, let the split be drawn (data.path=[FILES] keeps equal texts on one side), or {remedy}"
    return Mistake("data.leaks.duplicate_share", problem, remedy, limit)


def shared_groups(groups: Mapping[str, Hashes]) -> dict[str, int]:
    """Per pair of splits ("train and test"), how many groups have rows in both; pairs without any left out."""
    names = list(groups)
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    found = {f"{one} and {other}": len(np.intersect1d(groups[one], groups[other])) for one, other in pairs}
    return {pair: num for pair, num in found.items() if num}


def contradictions(texts: Hashes, labels: Ints) -> tuple[int, int]:
    """Texts that stand with two labels or more, and the rows they take. texts, labels: (rows,)."""
    labelled = labels != MISSING
    codes = np.unique(texts[labelled], return_inverse=True)[1].reshape(-1)
    if not len(codes):
        return 0, 0
    pairs = np.unique(np.stack([codes, labels[labelled]]), axis=1)
    several = np.bincount(pairs[0]) > 1
    return int(several.sum()), int(several[codes].sum())


def repeated(texts: Hashes) -> int:
    """Rows whose text stands in an earlier row."""
    return len(texts) - len(np.unique(texts))
