"""Tables of the maintenance reports are probabilities whose main class weakens with the difficulty."""

import numpy as np
import pytest

from lab.data.maintenance_phrases import COMPONENT_GROUPS, CONTEXTS, EFFECTS, RECURRENCES, SPARES, SYMPTOMS
from lab.data.text.maintenance.label_probabilities import (
    CAUSES,
    MODES,
    PRIORITIES,
    cause_table,
    mode_table,
    priority_table,
)


@pytest.mark.parametrize(
    ("table", "shape"),
    [
        (mode_table, (len(SYMPTOMS), len(COMPONENT_GROUPS), len(MODES))),
        (cause_table, (len(SYMPTOMS), len(CONTEXTS), len(CAUSES))),
        (priority_table, (len(EFFECTS), len(SPARES), len(RECURRENCES), len(PRIORITIES))),
    ],
)
def test_cells_are_distributions_that_the_difficulty_flattens(table, shape: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    easy, hard = table(0.0), table(1.0)
    for result in (easy, hard):
        assert result.shape == shape
        assert (result >= 0).all()
        np.testing.assert_allclose(result.sum(-1), 1)
    assert hard.max(-1).mean() < easy.max(-1).mean()


def test_modes_are_certain_where_nothing_is_difficult() -> None:
    assert (mode_table(0.0).max(-1) == 1).all()
