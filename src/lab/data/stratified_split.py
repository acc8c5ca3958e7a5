"""Which row goes to train, val or test: a pure function of labels, units that stay whole, shares and a seed.

Rows are laid in a line, sorted by their combination of labels (the head with most classes first), in random order
inside, and each split takes its share along the line. So every common combination is shared out to within a row, and
rare ones pool with their neighbours, which share the finest label: no special case for classes of two rows. A unit (the
rows of a group, or of one text) moves as a whole. Cost: about a second for a million rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
TRAIN = "train"
_LARGE_SHARE = 0.005
"""Units beyond this share of all rows are placed first, while there is room to make up for their size."""
_TRIES = 200


def draw(
    labels: Sequence[Ints],
    units: npt.NDArray[np.generic],
    shares: Mapping[str, float],
    seed: int,
    stratify: bool = True,
) -> dict[str, Ints]:
    """Rows of each split, ascending, `train` first.

    labels: per head (rows,); units: (rows,), rows of equal value stay together; shares: of all rows, per drawn split,
    summing below 1. No split is empty. Every class has a row in train, a class of one row too, unless a split would
    stay empty for it. Counts are within a row of their shares where units are single rows, but for what these two
    rules move. Raises ValueError with fewer units than splits.
    """
    first, unit_of, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)[1:]
    unit_of = unit_of.reshape(-1)
    if len(sizes) < len(shares) + 1:
        raise ValueError(f"{len(sizes)} units cannot fill {len(shares) + 1} splits")
    random = np.random.default_rng(seed)
    order = _line([head[first] for head in labels] if stratify else [], sizes, random)
    sides = np.zeros(len(sizes), np.int64)
    sides[order] = _dealt(sizes[order].tolist(), list(shares.values()))
    _fill_empty(sides, sizes, len(shares))
    _keep_classes_in_train(sides, unit_of, sizes, labels, random)
    of_rows: Ints = sides[unit_of]
    return {name: np.flatnonzero(of_rows == side) for side, name in enumerate((TRAIN, *shares))}


def _line(labels: Sequence[Ints], sizes: Ints, random: np.random.Generator) -> Ints:
    """Order of the units: large ones first, then by label combination, classes in random order, random inside."""
    keys = []
    for head in sorted(labels, key=lambda head: -len(np.unique(head))):
        codes = np.unique(head, return_inverse=True)[1].reshape(-1)
        keys.append(random.permutation(int(codes.max()) + 1)[codes])
    large = np.where(sizes > max(1.0, _LARGE_SHARE * sizes.sum()), -sizes, 0)
    ties = random.permutation(len(sizes))
    order: Ints = np.lexsort((ties, *reversed(keys), large))
    return order


def _dealt(sizes: list[int], shares: list[float]) -> list[int]:
    """Side of each unit along the line: the split furthest behind its share takes a unit when that brings it nearer."""
    taken, passed, sides = [0.0] * len(shares), 0, []
    lags = [0.5 + place / (2 * len(shares)) for place in range(len(shares))]  # apart, so that not all take neighbours
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
    """Bring one unit of each class that train would not show to train, and give one back where that costs no class: of
    the same size, or where a split would be left empty of any, or of another split. Else the class is given up."""
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
        held = (np.unique(code[rows(unit)], return_counts=True) for code in codes)
        return all(
            ((count[classes] > num) | (name[classes] < 0)).all()
            for count, name, (classes, num) in zip(in_train, names, held, strict=True)
        )

    for head, (code, name) in enumerate(zip(codes, names, strict=True)):
        for lost in np.flatnonzero((in_train[head] == 0) & (name >= 0)):
            if in_train[head][lost]:
                continue
            of_class = np.unique(unit_of[code == lost])
            unit = int(of_class[np.argmin(sizes[of_class])])
            side = int(sides[unit])
            in_train_before = sides == 0
            alike = random.permutation(np.flatnonzero(in_train_before & (sizes == sizes[unit])))[:_TRIES].tolist()
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
    """Give each empty split the smallest unit of the split that has most units."""
    for side in range(num_drawn + 1):
        if not (sides == side).any():
            richest = np.bincount(sides, minlength=num_drawn + 1).argmax()
            of_richest = np.flatnonzero(sides == richest)
            sides[of_richest[np.argmin(sizes[of_richest])]] = side


def capped(at: Ints, most: int | None, seed: int, labels: Sequence[Ints] = ()) -> Ints:
    """At most `most` of the rows `at`, ascending, drawn by `seed`; every class keeps a row where `most` allows it.

    labels: per head (rows of the table,). A class that the draw lost gets one of its rows in exchange for a row whose
    classes all have others.
    """
    if most is None or len(at) <= most:
        return at
    random = np.random.default_rng(seed)
    places = random.choice(len(at), most, replace=False)
    # 0 is MISSING, classes follow: no label is below it
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
                for each, held in zip(codes, counts, strict=True):
                    held[each[row]] += sign
    rows: Ints = at[kept]
    return rows


def _is_spare(row: int, codes: Sequence[Ints], counts: Sequence[Ints]) -> bool:
    """Whether each class of a row (0: no label) has another row."""
    return all(code[row] == 0 or count[code[row]] > 1 for code, count in zip(codes, counts, strict=True))


def text_units(plain: Hashes, masked: Hashes, limit: int) -> Hashes:
    """Units of equal text: equal when masked, unless that makes a unit of more than `limit` rows; then equal as it is.

    Short notices ("revision de bomba #") mask to a few templates; those must not move as one block.
    """
    place, count = np.unique(masked, return_inverse=True, return_counts=True)[1:]
    return np.where(count[place.reshape(-1)] <= limit, masked, plain)


def components(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> Ints:
    """Units that keep together rows equal in `first` and rows equal in `second`, chains included. (rows,) int64."""
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
