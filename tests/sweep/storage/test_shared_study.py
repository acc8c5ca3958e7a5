"""A shared study reads all its trials for a queued one only where there may be some."""

from unittest.mock import patch

import optuna
from optuna.storages import InMemoryStorage

from lab.sweep.storage.optuna_storage import requeue
from lab.sweep.storage.shared_study import SharedStudy


def test_a_study_without_queued_trials_asks_for_new_ones_without_a_reading() -> None:
    storage = InMemoryStorage()
    optuna.create_study(storage=storage, study_name="toy", direction="maximize")
    study = SharedStudy("toy", storage, optuna.samplers.RandomSampler(seed=0))
    assert study.ask().number == 0
    requeue(storage, "toy", 0)
    study.has_waiting = False
    with patch.object(storage, "get_all_trials", side_effect=AssertionError("a reading")):
        assert study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).number == 1
    study.has_waiting = True
    assert study.ask().number == 0
