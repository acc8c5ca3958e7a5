"""reference.json is checked on reading: somebody else may have written it."""

from typing import Any

import pytest

from lab.core.record.reference_fields import reference_faults

SOUND: dict[str, Any] = {
    "heads": {"cause": {"classes": ["a", "b"], "counts": [1, 2]}},
    "predicted": {"cause": [1, 0]},
    "numbers": {"tokens": {"edges": [0.5, 1.5], "counts": [0, 3, 0], "missing": 0, "unit": "tokens"}},
    "seen_tokens": "gA==",
}


def test_a_sound_reference_has_no_fault() -> None:
    assert list(reference_faults(SOUND)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"heads": {"cause": {"classes": ["a"], "counts": [1, 2]}}, "predicted": {}}, "1 classes and 2 counts"),
        ({"predicted": {"cause": [1]}}, "are not those of its classes"),
        ({"predicted": {"other": [1]}}, "are not those of its classes"),
        ({"numbers": {"t": {"edges": [1.0, 1.0], "counts": [0, 0, 0], "missing": 0, "unit": ""}}}, "ascending"),
        ({"numbers": {"t": {"edges": [1.0], "counts": [0], "missing": 0, "unit": ""}}}, "ascending"),
        ({"numbers": {"t": {"edges": [float("nan")], "counts": [0, 1], "missing": 0, "unit": ""}}}, "finite number"),
        ({"seen_tokens": "%%"}, "base64"),
        ({"more": 1}, "no reference has"),
    ],
)
def test_a_damaged_reference_is_named(change: dict[str, Any], fault: str) -> None:
    assert fault in "; ".join(reference_faults(SOUND | change))


def test_a_missing_field_is_named() -> None:
    assert "it has no numbers" in list(reference_faults({name: SOUND[name] for name in SOUND if name != "numbers"}))
