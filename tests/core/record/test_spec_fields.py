"""What is wrong with a damaged spec.json, in words."""

from typing import Any

import pytest

from lab.core.record.spec_fields import spec_faults

HEAD = {"name": "causa", "classes": ["a", "b"], "counts": [1, 2]}
SOUND: dict[str, Any] = {"kind": "series", "heads": [HEAD], "channels": ["x"], "length": 24}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kind": "pictures"}, "its kind is not one of text, series, custom, questions"),
        ({"kind": None}, "its kind is not one of"),
        ({"length": -1}, "length is not a whole number from 0 on"),
        ({"channels": [1]}, "channels[0] is not text"),
        ({"colour": "red"}, "it has a field 'colour'"),
        ({"heads": [HEAD, HEAD]}, "heads names 'causa' twice"),
        ({"heads": [{**HEAD, "counts": [1]}]}, "heads[0] has 2 classes and 1 counts"),
        ({"heads": [{"name": "causa", "classes": ["a"]}]}, "heads[0] has no counts"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], fault: str) -> None:
    assert fault in "; ".join(spec_faults(SOUND | change))


def test_a_sound_spec_has_none_and_a_missing_field_is_named() -> None:
    assert list(spec_faults(SOUND)) == []
    assert list(spec_faults({name: value for name, value in SOUND.items() if name != "length"})) == ["it has no length"]
