"""The lock of a proxy: one owner at a time, and a killed owner's lock is removed."""

import pytest
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

from lab.sweep.storage import proxy_lock as module
from lab.sweep.storage.proxy_lock import proxy_lock


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now, self.num_sleeps = 0.0, 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now, self.num_sleeps = self.now + 10.0, self.num_sleeps + 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_free_lock_is_taken_at_once_and_freed(clock: Clock) -> None:
    storage = InMemoryStorage()
    with proxy_lock(storage, "toy"):
        assert [study.study_name for study in storage.get_all_studies()] == ["lock of toy"]
        with proxy_lock(storage, "other"):
            pass
    assert storage.get_all_studies() == []
    assert clock.num_sleeps == 0


def test_a_killed_owners_lock_is_removed_after_it_was_watched(clock: Clock) -> None:
    storage = InMemoryStorage()
    storage.create_new_study([StudyDirection.MAXIMIZE], "lock of toy")
    times = list[float]()
    with proxy_lock(storage, "toy", lambda: times.append(clock.now)):
        assert clock.now >= module.STALE_S
    assert times == [10.0 * n for n in range(len(times))], "who waits does what else is due"
    assert len(times) > 3
    assert storage.get_all_studies() == []


def test_a_lock_that_changes_hands_is_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = InMemoryStorage()
    taken = storage.create_new_study([StudyDirection.MAXIMIZE], "lock of toy")
    until = 5 * module.STALE_S

    def another_owner(seconds: float) -> None:
        Clock.sleep(clock, seconds)
        if clock.now < until:
            storage.set_study_user_attr(taken, "owner", clock.now)
        elif clock.now < until + 10:
            storage.delete_study(taken)

    monkeypatch.setattr(clock, "sleep", another_owner)
    with proxy_lock(storage, "toy"):
        assert until <= clock.now < until + module.STALE_S


def test_an_owner_whose_lock_was_removed_ends_without_an_error(clock: Clock) -> None:
    storage = InMemoryStorage()
    with proxy_lock(storage, "toy"):
        storage.delete_study(storage.get_study_id_from_name("lock of toy"))
