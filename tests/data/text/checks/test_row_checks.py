"""Checks of the rows of a table: what is refused, what is only said, and what goes into the record."""

from typing import Any

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.data.text.checks.row_checks import check_rows
from lab.data.text.label_survey import Survey


def survey(labels: list[int], **changes: Any) -> Survey:
    size = len(labels)
    hashes = np.arange(size, dtype=np.uint64)
    values: dict[str, Any] = {
        "num_rows": size, "rows": np.arange(size), "labels": {"modo": np.array(labels, np.int64)}, "exact": hashes,
        "plain": hashes, "masked": hashes, "groups": None, "no_text": 0, "no_label": 0, "headers": 0, "missing": {},
        "copies": {("modo", "texto"): 0},
    }  # fmt: skip
    return Survey(**(values | changes))


def test_sound_rows_have_facts_and_no_mistake() -> None:
    result = check_rows({"train": survey([0, 1, 0, 1], missing={"modo": 0})}, {})
    assert (result.mistakes, result.notes) == ([], [])
    assert result.facts["dropped"] == {"train": {"no_text": 0, "no_label": 0}}


def test_rows_that_are_left_out_are_counted() -> None:
    rows = survey([0, 1, 0, 1], num_rows=10, no_text=3, no_label=2, headers=1, missing={"modo": 5, "texto": 0})
    notes = "\n".join(check_rows({"train": rows}, {}).notes)
    assert "train: 1 rows repeat the header" in notes
    assert "train: 3 rows without text" in notes
    assert "train: 2 rows without any label" in notes
    assert "missing cells: modo 5 (50.0%)" in notes


def test_a_split_without_a_usable_row_is_refused() -> None:
    result = check_rows({"train": survey([0, 1, 0, 1]), "val": survey([], num_rows=7)}, {})
    (mistake,) = result.mistakes
    assert mistake.problem == "no row of val has both a text and a label (7 rows read)"


def test_a_label_that_is_the_text_is_refused_only_where_every_row_repeats_it() -> None:
    every = check_rows({"train": survey([0, 1, 0, 1], copies={("modo", "texto"): 4})}, {})
    (mistake,) = every.mistakes
    assert (mistake.key, mistake.value) == ("data.labels", "modo")
    assert mistake.remedy == "another label column, or another data.text"
    two = {("modo", "texto"): 4, ("modo", "titulo"): 0}
    (mistake,) = check_rows({"train": survey([0, 1, 0, 1], copies=two)}, {}).mistakes
    assert mistake.remedy == "take 'texto' out of data.text"
    assert check_rows({"train": survey([0, 1, 0, 1], copies={("modo", "texto"): 3})}, {}).mistakes == []


def test_free_text_that_is_also_the_text_is_one_mistake() -> None:
    (mistake,) = check_rows({"train": survey([0, 1, 2, 3], copies={("modo", "texto"): 4})}, {}).mistakes
    assert (mistake.key, mistake.value) == ("data.labels", "modo")


@pytest.mark.parametrize(
    ("names", "rows_each", "refused"),
    [
        ([f"{place / 10 + 20:.2f}" for place in range(150)], 2, True),
        ([f"{place},5" for place in range(150)], 2, True),
        ([f"{place / 10 + 20:.2f}" for place in range(150)], 5, False),  # rows enough to learn each
        ([f"{place / 10 + 20:.1f}" for place in range(100)], 2, False),
        ([f"{place:03}.1" for place in range(150)], 2, False),  # codes
        ([str(place) for place in range(150)], 2, False),  # numbers of articles
        ([f"A{place}.5" for place in range(150)], 2, False),
    ],
)
def test_a_measurement_with_repeats_is_not_a_label(names: list[str], rows_each: int, refused: bool) -> None:
    rows = survey(list(range(len(names))) * rows_each)
    mistakes = check_rows({"train": rows}, {"modo": names}).mistakes
    assert [mistake.value for mistake in mistakes] == ["modo"] * refused
    if refused:
        assert f"150 numbers with decimals in {150 * rows_each} labelled rows" in mistakes[0].problem
        assert "data=series_table" in mistakes[0].problem


def test_an_identifier_is_not_a_label() -> None:
    rows = survey([0, 1, 0, 1, 0])
    rows.labels["id"] = np.array([0, 1, 2, 3, MISSING])
    (mistake,) = check_rows({"train": rows}, {}).mistakes
    assert mistake.value == "id"
    assert "has 4 values in 4 labelled rows, 4 of them in a single row" in mistake.problem
    assert mistake.remedy == "leave it out: 'data.labels=[modo]'"
    rows.labels["modo"] = rows.labels["id"]
    every = check_rows({"train": rows}, {}, lambda: ["tipo"]).mistakes
    assert [mistake.remedy for mistake in every] == ["'data.labels=[tipo]'"] * 2
