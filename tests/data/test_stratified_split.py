from itertools import combinations

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.data.stratified_split import capped, components, draw, folds, text_units

SHARES = {"test": 0.1, "val": 0.1}


def _alone(num: int) -> np.ndarray:
    return np.arange(num)


def test_every_row_goes_to_one_split_within_a_row_of_its_share() -> None:
    random = np.random.default_rng(0)
    for trial in range(60):
        num = int(random.integers(10, 400))
        labels = [random.integers(0, random.integers(1, 9), num) for _ in range(3)]
        shares = {"test": float(random.uniform(0.05, 0.3)), "val": float(random.uniform(0.05, 0.3))}
        splits = draw(labels, _alone(num), shares, trial)
        assert list(splits) == ["train", "test", "val"]
        assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(num))
        for name, share in shares.items():
            assert abs(len(splits[name]) - share * num) <= 1 or len(splits[name]) == 1
            assert (np.diff(splits[name]) > 0).all()


def test_common_shares_are_exact() -> None:
    splits = draw([np.arange(1000) % 7], _alone(1000), SHARES, 3)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 800, "test": 100, "val": 100}


def test_same_seed_same_split_other_seed_other_split() -> None:
    labels = [np.arange(300) % 5]
    first, again, other = (draw(labels, _alone(300), SHARES, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["test"], other["test"])


def test_every_combination_keeps_its_share_when_stratified_and_not_otherwise() -> None:
    random = np.random.default_rng(1)
    labels = [random.choice(6, 5000, p=[0.5, 0.2, 0.1, 0.1, 0.06, 0.04]), random.integers(0, 4, 5000)]
    combination = labels[0] * 4 + labels[1]

    def worst(stratify: bool) -> float:
        test = draw(labels, _alone(5000), SHARES, 0, stratify)["test"]
        counts = np.bincount(combination[test], minlength=24)
        return float(np.abs(counts - 0.1 * np.bincount(combination, minlength=24)).max())

    assert worst(True) <= 1
    assert worst(False) > 3


def test_rare_classes_keep_a_row_in_train() -> None:
    for seed in range(20):
        common = np.repeat(np.arange(5), 40)
        rare = np.repeat(np.arange(5, 25), 2)
        head = np.concatenate([common, rare, [25]])
        other = np.random.default_rng(seed).permutation(head)
        splits = draw([head, other], _alone(len(head)), SHARES, seed)
        assert set(head[splits["train"]]) == set(range(26))
        assert set(other[splits["train"]]) == set(range(26))
        assert all(len(rows) for rows in splits.values())


def test_missing_labels_are_no_class() -> None:
    labels = np.where(np.arange(200) % 3 == 0, np.arange(200) % 2, MISSING)
    test = draw([labels], _alone(200), SHARES, 0)["test"]
    assert abs((labels[test] == MISSING).sum() - 13) <= 1


def test_folds_divide_every_class_and_keep_units_together() -> None:
    labels, units = np.arange(60) % 3, np.arange(60) // 2
    parts = folds([labels], units, 5, 0)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(60))
    assert all(len(np.unique(units[part])) == len(part) / 2 == 6 for part in parts)
    assert all(np.bincount(labels[part], minlength=3).min() >= 2 for part in parts)
    with pytest.raises(ValueError, match="30 units cannot fill 31"):
        folds([labels], units, 31, 0)


def test_no_unit_is_in_two_splits() -> None:
    random = np.random.default_rng(2)
    for seed in range(40):
        units = random.integers(0, random.integers(5, 60), 400)
        splits = draw([random.integers(0, 4, 400)], units, SHARES, seed)
        sides = [set(units[rows].tolist()) for rows in splits.values()]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert all(sides)


def test_groups_of_even_size_meet_the_share() -> None:
    splits = draw([np.arange(1000) % 3], np.arange(1000) // 20, SHARES, 0)
    assert [len(splits[name]) for name in ("test", "val")] == [100, 100]


def test_one_large_unit_stays_in_train_and_the_rest_makes_up_for_it() -> None:
    units = np.concatenate([np.zeros(500, int), np.arange(1, 501)])
    splits = draw([np.arange(1000) % 2], units, SHARES, 0)
    assert 0 in splits["train"]
    assert abs(len(splits["test"]) - 100) <= 1


def test_fewer_units_than_splits_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 units cannot fill 3 splits"):
        draw([np.arange(10) % 2], np.arange(10) % 2, SHARES, 0)


def test_three_units_fill_three_splits() -> None:
    splits = draw([np.arange(9) % 2], np.arange(9) % 3, SHARES, 0)
    assert all(len(rows) == 3 for rows in splits.values())


def test_text_units_break_up_large_templates_only() -> None:
    plain = np.arange(10, dtype=np.uint64)
    masked = np.array([100] * 6 + [200] * 3 + [300], np.uint64)
    units = text_units(plain, masked, limit=3)
    assert len(set(units[:6].tolist())) == 6
    assert len(set(units[6:9].tolist())) == 1


def test_components_follow_chains() -> None:
    groups = np.array([0, 0, 1, 1, 2, 3])
    texts = np.array([5, 6, 6, 7, 8, 9])
    unit = components(groups, texts)
    assert unit[0] == unit[1] == unit[2] == unit[3]
    assert len({int(unit[0]), int(unit[4]), int(unit[5])}) == 3


def test_a_cap_keeps_a_row_of_every_class_where_it_can() -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, 3, 5000), random.integers(0, 2, 5000)
    first[[7, 99, 4000]] = [10, 11, 12]
    first[:2000:5] = MISSING
    second[[8, 99]] = [5, 6]
    at = np.arange(1, 5000)
    for seed in range(20):
        kept = capped(at, 30, seed, [first, second])
        assert len(kept) == 30
        assert (np.diff(kept) > 0).all()
        assert set(first[kept]) - {MISSING} == {0, 1, 2, 10, 11, 12}
        assert set(second[kept]) == {0, 1, 5, 6}
    few = capped(at, 3, 0, [first, second])
    assert len(few) == 3
    assert len(capped(at, 1, 0, [first, second])) == 1


def test_a_cap_that_loses_no_class_is_a_plain_draw() -> None:
    at, labels = np.arange(10, 1000), np.arange(1000) % 2
    for seed in range(5):
        assert np.array_equal(capped(at, 50, seed, [labels]), capped(at, 50, seed))
    assert np.array_equal(capped(at, None, 0, [labels]), at)
    assert np.array_equal(capped(at, 990, 0, [labels]), at)
    assert not np.array_equal(capped(at, 50, 0), capped(at, 50, 1))


def test_a_class_reaches_train_wherever_single_rows_allow_it() -> None:
    random = np.random.default_rng(0)
    for seed in range(1500):
        num = int(random.integers(4, 25))
        labels = [random.integers(-1, int(random.integers(1, 8)), num) for _ in range(int(random.integers(1, 4)))]
        labels = [np.where(head < 0, MISSING, head) for head in labels]
        shares = {"test": float(random.uniform(0.05, 0.4)), "val": float(random.uniform(0.05, 0.4))}
        splits = draw(labels, _alone(num), shares, seed)
        assert all(len(rows) for rows in splits.values())
        kept = [set(head[splits["train"]].tolist()) | {MISSING} for head in labels]
        if all(set(head.tolist()) <= shown for head, shown in zip(labels, kept, strict=True)):
            continue
        for out in combinations(range(num), 2):  # one row each for test and val, and train has all others
            rest = np.delete(np.arange(num), out)
            held = (set(head[rest].tolist()) | {MISSING} for head in labels)
            assert not all(set(head.tolist()) <= shown for head, shown in zip(labels, held, strict=True)), seed
