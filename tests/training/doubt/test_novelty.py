"""Limits flag the share of validation rows that they say, and rows of another kind far more often."""

import numpy as np
import pytest

from lab.training.doubt.novelty import (
    ENERGY,
    LONG,
    OUTSIDE,
    RARE,
    SHARE,
    SHORT,
    SPLIT,
    UNCLEAR,
    Novelty,
    common_tokens,
    energies,
    fit_limits,
    question_measures,
    text_measures,
    window_measures,
)


def measures(num: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        RARE: np.round(random.beta(1, 20, num) + shift / 10, 2),
        LONG: random.lognormal(4, 0.4, num),
        SHORT: -random.lognormal(4, 0.4, num),
        ENERGY: random.normal(size=num) + shift,
    }


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_the_flagged_share_of_validation_rows_is_that_of_the_quantile(share: float) -> None:
    rows = measures(5000, 0)
    novelty = Novelty(fit_limits(rows, share))
    flagged = np.mean([bool(reason) for reason in novelty.reasons(rows)])
    assert share - 0.005 <= flagged <= share
    unseen = np.mean([bool(reason) for reason in novelty.reasons(measures(5000, 1))])
    assert unseen == pytest.approx(share, abs=0.01 + share / 5)
    other = np.mean([bool(reason) for reason in novelty.reasons(measures(5000, 2, 4.0))])
    assert other > 0.8


@pytest.mark.parametrize("num", [1, 20, 99])
def test_few_rows_flag_none_of_themselves(num: int) -> None:
    rows = measures(num, 0)
    assert not any(Novelty(fit_limits(rows)).reasons(rows))


def test_equal_rows_are_flagged_together_or_not_at_all() -> None:
    rows = {ENERGY: np.array([0.0] * 90 + [1.0] * 10)}
    assert fit_limits(rows, 0.05) == {ENERGY: 1.0}
    assert fit_limits(rows, 0.10) == {ENERGY: 0.0}
    assert not any(Novelty(fit_limits({ENERGY: np.zeros(500)})).reasons({ENERGY: np.zeros(3)}))


def test_the_reason_names_value_and_limit() -> None:
    novelty = Novelty({RARE: 0.1, SHORT: -5.0, ENERGY: 2.0, OUTSIDE: 0.0})
    rows = {RARE: np.array([0.43, 0.0]), SHORT: np.array([-2.0, -9.0]), ENERGY: np.array([1.0, 1.0])}
    first, second = novelty.reasons(rows)
    assert first == ("43% of its tokens are new or rare in the training texts (limit 10%); "
                     "it is short: 2 characters (limit 5)")  # fmt: skip
    assert second == ""


def test_measures_of_texts() -> None:
    common = common_tokens(np.array([0] * 600 + [1] * 395 + [2] * 5), 5, never=[1])
    assert common.tolist() == [True, False, False, False, False]
    rows = text_measures(np.array([10, 4, 6]), [[0, 0, 3, 9], [], [0]], common, np.zeros(3))
    assert rows[RARE][[0, 2]].tolist() == [0.5, 0.0]
    assert rows[SPLIT].tolist() == [0.4, 0.0, pytest.approx(1 / 6)]
    assert Novelty({RARE: 0.9}).reasons(rows)[1] != "", "a text without tokens has none that is common"


def test_measures_of_windows() -> None:
    values = np.array([[[0.0, 5.0], [3.0, 5.0]], [[0.5, 0.0], [0.5, 0.0]]])
    observed = np.array([[[True, True], [True, True]], [[True, False], [True, False]]])
    rows = window_measures(values, observed, [(0.0, 1.0)], np.zeros(2))
    assert rows[OUTSIDE].tolist() == [0.5, 0.0]


def test_energy_is_high_where_no_class_fits() -> None:
    energy = energies([np.array([[9.0, 0.0], [0.0, 0.0]]), np.array([[5.0, 5.0], [-2.0, -2.0]])])
    assert energy[1] > energy[0]
    assert energies([np.array([[0.0, 0.0]])]).tolist() == pytest.approx([-np.log(2)])


def test_what_is_written_is_read() -> None:
    novelty = Novelty({RARE: 0.1}, np.array([True, False, True, True, False, False, False, True]), {"x": (0.0, 2.0)})
    content = novelty.fields()
    assert content["share"] == SHARE
    again = Novelty.from_fields(content)
    assert (again.limits, again.ranges) == (novelty.limits, novelty.ranges)
    assert again.common is not None
    assert again.common.tolist() == novelty.common.tolist()  # type: ignore[union-attr]


def test_an_unknown_energy_is_unlike_training() -> None:
    rows = {ENERGY: np.array([1.5, np.nan])}
    assert [bool(reason) for reason in Novelty({ENERGY: 2.0}).reasons(rows)] == [False, True]
    assert Novelty({RARE: 0.5}).reasons({RARE: np.array([np.nan])})[0].startswith("100%")
    assert fit_limits({ENERGY: np.array([np.nan, 0.0])}) == {}


def test_a_question_without_a_clear_answer_is_unlike() -> None:
    characters, ids = np.array([10, 10, 10]), [[1, 2], [1, 2], [1, 2]]
    common, scores = np.array([False, True, True]), np.array([-1.0, -9.0, -np.inf])
    rows = question_measures(characters, ids, common, scores)
    assert ENERGY not in rows
    reasons = Novelty({UNCLEAR: 5.0}).reasons(rows)
    assert reasons[0] == ""
    assert reasons[1] == "no part of its context is a clear answer: -log probability 9 (limit 5)"
    assert "inf" in reasons[2]
