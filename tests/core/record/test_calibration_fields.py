"""What is wrong with a damaged calibration.json, in words."""

from pathlib import Path
from typing import Any

import pytest

from lab.core.files import Unreadable
from lab.core.record.calibration_fields import MEASURES, calibration_faults
from lab.core.record.run_folder import RunFolder

SOUND: dict[str, Any] = {"temperatures": {"cause": 1.5}, "not_fitted": {"state": "no validation row has a label"}}

RULE: dict[str, Any] = {"tau": 0.5, "metric": "mcc", "rows": 9, "argmax": 0.1, "cross_fitted": 0.3,
                        "interval": [0.1, 0.3], "offsets": [0.1, 1.9]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"temperatures": {"cause": 0}}, "temperatures.cause is not a number from 0.02 to 50"),
        ({"temperatures": {"cause": True}}, "temperatures.cause is not a number"),
        ({"temperatures": {"cause": float("nan")}}, "temperatures.cause is not a number"),
        ({"temperatures": [1]}, "temperatures is not a mapping"),
        ({"not_fitted": {"a": 1}}, "not_fitted.a is not text"),
        ({"scores": {"val": {"cause": {"rows": "x"}}}}, "scores.val.cause.rows is not a finite number"),
        ({"scores": {"val": {"cause": {}}}}, "scores.val.cause has no ece_after"),
        ({"scores": {"val": {"cause": dict.fromkeys(MEASURES, 0.5)}}}, "reliability has no val of 'cause'"),
        ({"coverage": {"val": {"cause": [[1, 2]]}}}, "coverage.val.cause is not a list of lists of three numbers"),
        (
            {"novelty": {"share": 0.1, "limits": {}, "common_tokens": "?", "ranges": {}}},
            "common_tokens is not in base64",
        ),
        ({"reliability": {"val": {"cause": {"before": []}}}}, "reliability.val.cause has no after"),
        ({"decisions": {"cause": {"tau": 0.5}}}, "decisions.cause has no offsets"),
        ({"decisions": {"cause": RULE | {"offsets": [0.1, "x"]}}}, "decisions.cause.offsets[1] is not a finite number"),
        ({"decisions": {"cause": RULE | {"interval": [0.1]}}}, "decisions.cause.interval is not a pair"),
        ({"colour": "red"}, "it has a field 'colour'"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], fault: str) -> None:
    assert fault in "; ".join(calibration_faults(SOUND | change))


def test_a_sound_calibration_is_read_as_it_was_written_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.read_calibration() is None
    run.write_calibration(SOUND | {"decisions": {"cause": RULE}})
    assert run.read_calibration() == SOUND | {"decisions": {"cause": RULE}}
    run.calibration.write_text('{"temperatures": {"cause": 1e9}}')
    with pytest.raises(Unreadable, match=r"it has no not_fitted; temperatures.cause is not a number"):
        run.read_calibration()
