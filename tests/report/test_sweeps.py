from pathlib import Path
from typing import Any

import pytest

from lab.record import StudyFolder
from lab.report.sweeps import Confirmed, confirmed_means, sweep_of


def test_means_are_over_the_seeds_of_those_with_the_most() -> None:
    found = confirmed_means({0: {1: 0.99}, 1: {1: 0.5, 2: 0.7}, 2: {1: 0.6, 2: 0.6}})
    assert {trial: (one.mean, one.num) for trial, one in found.items()} == {1: (pytest.approx(0.6), 2), 2: (0.6, 2)}
    assert found[1].half == pytest.approx(12.7062 * 0.1, rel=1e-4)


def test_where_none_has_all_seeds_those_with_the_most_are_compared_on_the_shared_ones() -> None:
    found = confirmed_means({0: {1: 0.9, 2: 0.5}, 1: {2: 0.6, 3: 0.1}, 2: {3: 1.0}})
    assert found == {0: Confirmed(0.5, None, 1), 1: Confirmed(0.6, None, 1)}


def test_without_a_shared_seed_nothing_is_confirmed() -> None:
    assert confirmed_means({0: {1: 0.9}, 1: {2: 0.6}}) == {}
    assert confirmed_means({}) == {}


def test_the_report_lets_those_compete_that_the_study_does(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.write_study({"study": "s", "total": 4, "objective": {"primary_metric": "val/f1", "goal": "maximize"}})
    one: dict[str, Any] = {"seeds": [1, 2], "values": [0.5, 0.6]}
    told = [{"trial": 0, **one, "whole": True}, {"trial": 1, **one, "whole": False}, {"trial": 2, **one}]
    folder.write_summary({"confirmed": told})
    assert list(sweep_of(folder, []).confirmed) == [0, 2], "a study of before says nothing of it"
