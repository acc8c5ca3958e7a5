"""A drift file is checked on reading: somebody else may have written it."""

from typing import Any

import pytest

from lab.core.record.drift_fields import drift_faults

SUBJECT: dict[str, Any] = {
    "name": "characters/text", "kind": "numbers", "unit": "characters", "reference_rows": 9, "rows": 3,
    "level": "large", "p_holm": 0.01, "measures": {"kolmogorov_smirnov": {"value": 0.5, "p": 0.01}},
    "quantiles": [[1.0, 2.0, 3.0], [1.0, 2.0, None]], "shares": None, "outside_share": 0.1,
}  # fmt: skip
SOUND: dict[str, Any] = {
    "schema_version": 1, "run": "a", "input": ["b"], "output": "c", "rows": 3, "subjects": [SUBJECT], "left_out": {},
}  # fmt: skip


def test_a_sound_file_has_no_fault() -> None:
    assert list(drift_faults(SOUND)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"schema_version": 7}, "schema_version"), ({"more": 1}, "no drift file has"), ({"rows": -1}, "rows"),
     ({"subjects": [SUBJECT | {"level": "huge"}]}, "none, moderate, large"),
     ({"subjects": [SUBJECT | {"measures": {"x": {"value": "<b>", "p": 1.0}}}]}, "finite number"),
     ({"subjects": [{"name": "a"}]}, "has no kind")],
)  # fmt: skip
def test_a_damaged_file_is_named(change: dict[str, Any], fault: str) -> None:
    assert fault in "; ".join(drift_faults(SOUND | change))
