"""Processes end a run together: a loss that is not finite in one of them, and scores that differ between them."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def decided(ran: Callable[..., Any]) -> Any:
    return ran(["nan", "stopping"], 2)


@pytest.mark.slow
def test_all_say_which_rows_had_a_loss_that_is_not_finite(decided: Any) -> None:
    first, second = decided["nan"][2]
    assert first == second
    assert first["kind"] == "nan"
    assert "epoch 2" in first["error"]
    rows = first["error"].split("training rows ")[1].split(")")[0]
    assert "5" in rows.split(", ")


@pytest.mark.slow
def test_all_stop_by_the_mean_of_their_scores(decided: Any) -> None:
    first, second = decided["stopping"][2]
    assert first == second == {"epochs": 3, "best": 0.0, "best_epoch": 0}
