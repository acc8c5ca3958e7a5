"""A table in which the learning rate decides the score and a choice changes it slightly."""

from collections.abc import Callable

import numpy as np
import pytest

from lab.report.findings import Report


@pytest.fixture
def some(tabled: Callable[..., Report]) -> Callable[[int], Report]:
    def make(num: int) -> Report:
        rate, choice = np.geomspace(1e-5, 1e-2, num), np.array(["a", "b"] * num)[:num]
        score = np.log10(rate) / 10 + 0.001 * (choice == "b")
        columns = {"optimizer.lr": rate.tolist(), "model.name": choice.tolist()}
        return tabled(objective=score.tolist(), time_s=(10 / rate).tolist(), **columns)

    return make
