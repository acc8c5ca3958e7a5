"""Every subject is compared or left out with its reason; the content is what the report accepts."""

import json

import numpy as np
import pytest

from lab.core.record.drift_fields import drift_faults
from lab.core.record.run_folder import plain
from lab.core.reference.content import Classes, Reference
from lab.inference.drift.compare import MOST_SHARES, NO_ROWS, OLDER, compare
from lab.inference.drift.profile import Profile

ABOUT = {"run": "outputs/a", "input": ["new.csv"], "output": "out.csv", "rows": 200}
RNG = np.random.default_rng(0)


def reference() -> Reference:
    made = Reference({"cause": Classes(("leak", "wear"), np.array([300, 100]))})
    made.predicted["cause"] = np.array([60, 40])
    made.add_numbers("characters/text", RNG.integers(10, 80, 400), "characters")
    made.add_numbers("characters/title", [*RNG.integers(3, 9, 395), *[np.nan] * 5], "characters")
    made.add_numbers("unknown tokens", RNG.random(100) / 10, "share")
    return made


def profile(of: Reference, shifted: bool) -> Profile:
    made = Profile(of)
    made.add("characters/text", RNG.integers(50 if shifted else 10, 120 if shifted else 80, 200))
    made.add("characters/title", [*RNG.integers(3, 9, 100 if shifted else 198), *[np.nan] * (100 if shifted else 2)])
    made.add("unknown tokens", RNG.random(200) / (1 if shifted else 10))
    made.predicted["cause"] += np.array([20, 180]) if shifted else np.array([120, 80])
    return made


def test_shifts_are_named_and_what_stayed_is_not() -> None:
    before = reference()
    content = json.loads(json.dumps(plain(compare(before, profile(before, shifted=True), ABOUT))))
    assert list(drift_faults(content)) == []
    levels = {subject["name"]: subject["level"] for subject in content["subjects"]}
    assert levels == {
        "characters/text": "large", "missing: characters/title": "large", "characters/title": "none",
        "unknown tokens": "large", "predictions/cause": "large",
    }  # fmt: skip
    assert content["left_out"] == {"labels/cause": NO_ROWS}
    by_name = {subject["name"]: subject for subject in content["subjects"]}
    assert by_name["characters/text"]["outside_share"] == pytest.approx(0.55, abs=0.15)
    assert by_name["predictions/cause"]["shares"] == {"leak": [0.6, 0.1], "wear": [0.4, 0.9]}
    assert by_name["missing: characters/title"]["shares"]["missing"] == [5 / 400, 0.5]


def test_rows_like_those_of_training_are_in_no_band() -> None:
    before = reference()
    content = compare(before, profile(before, shifted=False), ABOUT)
    assert {subject["level"] for subject in content["subjects"]} == {"none"}


def test_what_cannot_be_compared_is_left_out_with_its_reason() -> None:
    older = reference()
    older.predicted.clear()
    assert compare(older, profile(older, shifted=True), ABOUT)["left_out"]["predictions/cause"] == OLDER
    empty = compare(older, Profile(older), ABOUT)
    assert empty["subjects"] == []
    assert empty["left_out"]["characters/text"] == NO_ROWS


def test_of_many_classes_the_most_changed_are_listed() -> None:
    names = tuple(f"c{number}" for number in range(50))
    before = Reference({"head": Classes(names, np.full(50, 10))})
    after = Profile(before)
    after.labels["head"] += 10
    after.labels["head"][7] += 90
    subject = compare(before, after, ABOUT)["subjects"][0]
    assert len(subject["shares"]) == MOST_SHARES
    assert next(iter(subject["shares"])) == "c7"
