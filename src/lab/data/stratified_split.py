"""Stratified splits into train, val and test: a pure function of labels, units that stay together, shares and a seed.

Rows are sorted by their combination of labels (the head with most classes first), in random order inside a combination,
and each split takes its share along this line. So every common combination is divided to within a row, and rare
combinations are divided together with their neighbours, which share the finest label. A unit (the rows of a group, or
of one text) stays together. Cost: about a second for a million rows.
"""

import heapq
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
TRAIN = "train"
_LARGE_SHARE = 0.005
"""Units larger than this share of all rows are placed first, while other units can still balance their size."""
_MAX_SWAPS = 200
"""Number of units that are tried in exchange for a unit that was moved to train."""


def draw(
    labels: Sequence[Ints],
    units: npt.NDArray[np.generic],
    shares: Mapping[str, float],
    seed: int,
    stratify: bool = True,
) -> dict[str, Ints]:
    """Return the rows of each split, ascending, `train` first.

    labels: (rows,) per head; units: (rows,), rows of equal value stay together; shares: of all rows, per drawn split,
    with a sum below 1. No split is empty. Every class has a row in train, also a class of one row, unless a split would
    be empty otherwise. If units are single rows, counts are within a row of their shares, except for rows moved by
    these two rules. Raises ValueError for fewer units than splits.
    """
    first, unit_of, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)[1:]
    unit_of = unit_of.reshape(-1)
    if len(sizes) < len(shares) + 1:
        raise ValueError(f"{len(sizes)} units cannot fill {len(shares) + 1} splits")
    random = np.random.default_rng(seed)
    order = _line([head[first] for head in labels] if stratify else [], sizes, random)
    sides = np.zeros(len(sizes), np.int64)  # the split of each unit: 0 is train
    sides[order] = _deal(sizes[order].tolist(), list(shares.values()))
    _fill_empty(sides, sizes, len(shares))
    _keep_classes_in_train(sides, unit_of, sizes, labels, random)
    of_rows: Ints = sides[unit_of]
    return {name: np.flatnonzero(of_rows == side) for side, name in enumerate((TRAIN, *shares))}


def folds(
    labels: Sequence[Ints], units: npt.NDArray[np.generic], num: int, seed: int, stratify: bool = True
) -> list[Ints]:
    """Return the rows of each of `num` folds, ascending. Each row is in one fold. Arguments as `draw`.

    The units are dealt along the line, each to the fold with the fewest rows, so units of one size are divided to
    within one of them. Classes of fewer rows than folds are absent from some. Raises ValueError for fewer units than
    folds.
    """
    first, unit_of, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < num:
        raise ValueError(f"{len(sizes)} units cannot fill {num} folds")
    order = _line([head[first] for head in labels] if stratify else [], sizes, np.random.default_rng(seed))
    loads, fold_of = [(0, fold) for fold in range(num)], np.zeros(len(sizes), np.int64)
    for unit in order.tolist():
        load, fold = loads[0]
        fold_of[unit] = fold
        heapq.heapreplace(loads, (load + int(sizes[unit]), fold))
    of_rows = fold_of[unit_of.reshape(-1)]
    return [np.flatnonzero(of_rows == fold) for fold in range(num)]


def _line(labels: Sequence[Ints], sizes: Ints, random: np.random.Generator) -> Ints:
    """Order of the units: large ones first, then by combination of labels, with classes and units in random order."""
    keys = []
    for head in sorted(labels, key=lambda head: -len(np.unique(head))):
        codes = np.unique(head, return_inverse=True)[1].reshape(-1)
        keys.append(random.permutation(int(codes.max()) + 1)[codes])
    large = np.where(sizes > max(1.0, _LARGE_SHARE * sizes.sum()), -sizes, 0)
    ties = random.permutation(len(sizes))
    order: Ints = np.lexsort((ties, *reversed(keys), large))
    return order


def _deal(sizes: list[int], shares: list[float]) -> list[int]:
    """Split of each unit along the line: the split furthest behind its share takes a unit if that brings it nearer."""
    taken, passed, sides = [0.0] * len(shares), 0, []
    # different lags, so that two splits do not take adjacent units
    lags = [0.5 + place / (2 * len(shares)) for place in range(len(shares))]
    for size in sizes:
        passed += size
        best, side = -1e-9, 0
        for place, share in enumerate(shares):
            behind = share * passed - taken[place] - lags[place] * size
            if behind > best:
                best, side = behind, place + 1
        if side:
            taken[side - 1] += size
        sides.append(side)
    return sides


def _keep_classes_in_train(
    sides: Ints, unit_of: Ints, sizes: Ints, labels: Sequence[Ints], random: np.random.Generator
) -> None:
    """Move one unit of each class that is absent from train to train, and move another unit back if train then keeps
    all classes: one of the same size, or any if its split would be empty. If none fits, the empty split gets a unit of
    another split, or the class stays absent."""
    codes = [np.unique(head, return_inverse=True)[1].reshape(-1) for head in labels]
    names = [np.unique(head) for head in labels]
    in_train = [
        np.bincount(code[sides[unit_of] == 0], minlength=len(name)) for code, name in zip(codes, names, strict=True)
    ]
    by_unit = np.argsort(unit_of, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])

    def rows(unit: int) -> Ints:
        return by_unit[starts[unit] : starts[unit + 1]]

    def move(unit: int, side: int) -> None:
        sign = int(side == 0) - int(sides[unit] == 0)
        sides[unit] = side
        for code, count in zip(codes, in_train, strict=True):
            np.add.at(count, code[rows(unit)], sign)

    def spare(unit: int) -> bool:
        of_unit = (np.unique(code[rows(unit)], return_counts=True) for code in codes)
        return all(
            ((count[classes] > num) | (name[classes] < 0)).all()
            for count, name, (classes, num) in zip(in_train, names, of_unit, strict=True)
        )

    for head, (code, name) in enumerate(zip(codes, names, strict=True)):
        for lost in np.flatnonzero((in_train[head] == 0) & (name >= 0)):
            if in_train[head][lost]:
                continue
            of_class = np.unique(unit_of[code == lost])
            unit = int(of_class[np.argmin(sizes[of_class])])
            side = int(sides[unit])
            in_train_before = sides == 0
            alike = random.permutation(np.flatnonzero(in_train_before & (sizes == sizes[unit])))[:_MAX_SWAPS].tolist()
            move(unit, 0)
            emptied = not (sides == side).any()
            if emptied:
                alike += np.flatnonzero(in_train_before)[np.argsort(sizes[in_train_before], kind="stable")].tolist()
            swap = next((other for other in alike if spare(other)), None)
            if swap is None and emptied:
                lend = (sides != 0) & (np.bincount(sides)[sides] > 1)  # a split that has another unit
                swap = int(np.flatnonzero(lend)[np.argmin(sizes[lend])]) if lend.any() else unit
            if swap is not None:
                move(swap, side)


def _fill_empty(sides: Ints, sizes: Ints, num_drawn: int) -> None:
    """Give each empty split the smallest unit of the split with the most units."""
    for side in range(num_drawn + 1):
        if not (sides == side).any():
            richest = np.bincount(sides, minlength=num_drawn + 1).argmax()
            of_richest = np.flatnonzero(sides == richest)
            sides[of_richest[np.argmin(sizes[of_richest])]] = side


def capped(at: Ints, most: int | None, seed: int, labels: Sequence[Ints] = ()) -> Ints:
    """Return at most `most` of the rows `at`, ascending, drawn by `seed`; every class keeps a row if `most` allows it.

    labels: (rows of the table,) per head. A class without a drawn row gets one in exchange for a row whose classes all
    have other rows.
    """
    if most is None or len(at) <= most:
        return at
    random = np.random.default_rng(seed)
    places = random.choice(len(at), most, replace=False)
    # code 0 is MISSING, the smallest label; classes follow
    codes = [np.unique(np.append(MISSING, head[at]), return_inverse=True)[1].reshape(-1)[1:] for head in labels]
    counts = [np.bincount(code[places], minlength=int(code.max()) + 1) for code in codes]
    kept = np.zeros(len(at), dtype=bool)
    kept[places] = True
    waiting = iter(random.permutation(places).tolist())
    for code, count in zip(codes, counts, strict=True):
        for lost in range(1, len(count)):
            if count[lost]:
                continue
            spare = next((row for row in waiting if _is_spare(row, codes, counts)), None)
            if spare is None:
                break
            shown = int(random.choice(np.flatnonzero(code == lost)))
            for row, sign in ((spare, -1), (shown, 1)):
                kept[row] = sign > 0
                for head_codes, head_counts in zip(codes, counts, strict=True):
                    head_counts[head_codes[row]] += sign
    rows: Ints = at[kept]
    return rows


def _is_spare(row: int, codes: Sequence[Ints], counts: Sequence[Ints]) -> bool:
    """Return whether each class of a row (0: no label) has another row."""
    return all(code[row] == 0 or count[code[row]] > 1 for code, count in zip(codes, counts, strict=True))


def text_units(plain: Hashes, masked: Hashes, limit: int) -> Hashes:
    """Return units of equal text, (rows,): equal when masked, or equal in `plain` if the unit would have more than
    `limit` rows.

    Masked short notices ("revision de bomba #") have a few templates, which must not stay together as one block.
    """
    place, count = np.unique(masked, return_inverse=True, return_counts=True)[1:]
    return np.where(count[place.reshape(-1)] <= limit, masked, plain)


def components(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> Ints:
    """Return units in which rows equal in `first` or in `second` stay together, also through chains. (rows,) int64."""
    codes = [np.unique(values, return_inverse=True)[1].reshape(-1) for values in (first, second)]
    unit = np.arange(len(first), dtype=np.int64)
    while True:
        before = unit
        for code in codes:
            least = np.full(int(code.max()) + 1, len(first), np.int64)
            np.minimum.at(least, code, unit)
            unit = least[code]
        if np.array_equal(unit, before):
            return unit
