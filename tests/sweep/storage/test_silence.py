"""Silent controllers are known by marks that do not change, whatever the clocks say."""

import pytest

from lab.sweep.storage.silence import Watch

OLD, FRESH = 1000.0, 5000.0
NOW = 5010.0


def looks(watch: Watch, seen: float | None, *monotonic: float, claim: str | None = "c") -> list[list[int]]:
    return [watch.silent({7: (claim, seen)}, NOW, moment, silent_s=120, watch_s=35) for moment in monotonic]


@pytest.mark.parametrize(("seen", "after"), [(OLD, 35), (FRESH, 120), (None, 120), (NOW + 9999, 120)])
def test_an_old_mark_is_watched_for_a_short_time_and_any_other_for_the_whole_silence(
    seen: float | None, after: float
) -> None:
    assert looks(Watch(), seen, 0, after - 1, after) == [[], [], [7]]


def test_a_mark_that_changes_begins_the_watch_anew() -> None:
    watch = Watch()
    assert looks(watch, FRESH, 0) + looks(watch, FRESH + 1, 119, 238, 239) == [[], [], [], [7]]


def test_another_claim_begins_the_watch_anew() -> None:
    watch = Watch()
    assert looks(watch, FRESH, 0) + looks(watch, FRESH, 119, 238, 239, claim="other") == [[], [], [], [7]]


def test_a_trial_that_ended_and_returned_is_watched_anew() -> None:
    watch = Watch()
    looks(watch, FRESH, 0)
    assert watch.silent({}, NOW, 60, silent_s=120, watch_s=35) == []
    assert looks(watch, FRESH, 121, 241) == [[], [7]]
