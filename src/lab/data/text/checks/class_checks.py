"""Checks of the classes of each head: too few, absent from train, or one class in several spellings.

Spellings are reported, and merged only by `data.merge_spellings`, because the case of a code may matter.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, listed
from lab.data.text.checks.other_columns import Unused, other_labels
from lab.data.text.checks.row_checks import MAX_EXAMPLES, CheckResult
from lab.data.text.spellings import same_but_spelling

ONE_SPELLING = (
    "Each is a class of its own; if they mean the same, type data.merge_spellings=true "
    "(docs/texts.md, One class in several spellings)"
)


def check_classes(heads: Sequence[HeadSpec], unused: Unused = tuple) -> CheckResult:
    """Report heads with fewer than two classes in train, classes that train does not have, and several spellings.

    unused: see `other_labels`.
    """
    result = CheckResult()
    sound = [head.name for head in heads if sum(count > 0 for count in head.counts) > 1]
    unseen, spellings = {}, {}
    for head in heads:
        if groups := same_but_spelling(head.classes):
            spellings[head.name] = [list(names) for names in groups]
            examples = listed([" / ".join(map(repr, names)) for names in groups], MAX_EXAMPLES)
            result.notes.append(
                f"{head.name}: classes that differ only in case, accents, spaces or number form: {examples}. "
                f"{ONE_SPELLING}"
            )
        in_train = [name for name, count in zip(head.classes, head.counts, strict=True) if count]
        if len(in_train) < 2:
            content = f"only one class ({in_train[0]!r})" if in_train else "no label at all"
            problem = f"has {content} in train: nothing to learn"
            result.mistakes.append(Mistake("data.labels", problem, other_labels(sound, unused), head.name))
        if len(in_train) < head.num_classes:
            unseen[head.name] = [name for name in head.classes if name not in set(in_train)]
            names = listed(unseen[head.name], MAX_EXAMPLES)
            result.notes.append(
                f"{head.name}: {len(unseen[head.name])} classes are not in train and count as errors: {names}"
            )
    result.facts["unseen_classes"] = unseen
    result.facts["alike_classes"] = spellings
    return result


def unvalidated_classes(heads: Sequence[HeadSpec], val: Mapping[str, npt.NDArray[np.int64]]) -> CheckResult:
    """Name the classes that train has and validation does not: its scores say nothing about them.

    val: per head (N,) classes of the validation rows.
    """
    result = CheckResult()
    for head in heads:
        seen = np.bincount(val[head.name][val[head.name] != MISSING], minlength=head.num_classes)
        absent = [name for name, num, count in zip(head.classes, seen, head.counts, strict=True) if count and not num]
        if absent:
            what = f"{len(absent)} classes of train are not in val, which cannot score them"
            result.notes.append(f"{head.name}: {what}: {listed(absent, MAX_EXAMPLES)}")
    return result
