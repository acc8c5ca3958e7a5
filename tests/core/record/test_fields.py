"""Fields of a record that hold what they may not are named, every one; sound ones are not."""

import pytest

from lab.core.record.fields import SCHEMA_VERSION, each, faults, keyed, optional, pair, row_faults, several


def shape(name: str, value: object):  # type: ignore[no-untyped-def]
    if value != "sound":
        yield f"{name} is not sound"


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (optional(shape), None, []),
        (optional(shape), "odd", ["x is not sound"]),
        (each(shape), {"a": "sound", "b": 1}, ["x.b is not sound"]),
        (each(shape), [], ["x is not a mapping"]),
        (several(shape), ["sound", 1, 2], ["x[1] is not sound", "x[2] is not sound"]),
        (several(shape), {}, ["x is not a list"]),
        (pair(shape), ["sound"], ["x is not a pair"]),
        (keyed("a", a=shape, b=shape), {"b": 1}, ["x has no a", "x.b is not sound"]),
        (keyed("a", a=shape), {"a": "sound", "other": 1}, []),
    ],
)
def test_every_fault_of_a_value_has_its_place(check, value: object, expected: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert list(check("x", value)) == expected


def test_a_record_needs_its_version_and_status_and_knows_all_its_fields() -> None:
    assert list(faults({})) == ["it has no schema_version"]
    result = list(faults({"schema_version": SCHEMA_VERSION, "colour": "red"}))
    assert result == ["it has a field 'colour', which no record has", "it has no status"]
    assert list(faults({"schema_version": SCHEMA_VERSION, "status": "completed"})) == []


def test_a_line_of_the_history_has_a_place_and_numbers() -> None:
    assert list(row_faults({"epoch": 1, "step": 20, "val/loss": 0.5, "val/f1": None})) == []
    result = list(row_faults({"step": "x", "val/loss": "y"}))
    assert result[0] == "it has no epoch"
    assert len(result) == 3
