"""A spec is written as plain values and read back as it was."""

import json

import pytest

from lab.core.batches import HeadSpec, QuestionSpec, SeriesSpec, Spec, TextSpec, spec_fields, spec_from_fields
from lab.core.record.spec_fields import spec_faults

HEADS = (HeadSpec("causa", ("a", "b"), (3, 4)), HeadSpec("modo", ("x",), (7,)))
SPECS = (TextSpec(HEADS, 300, 1, 64), SeriesSpec(HEADS[:1], ("rain", "wind"), 48),
         SeriesSpec(HEADS[:1], ("rain", "was"), 48, 1), QuestionSpec(300, 1, 64, "es", 10, 4, True))  # fmt: skip


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_a_spec_survives_json(spec: Spec) -> None:
    fields = json.loads(json.dumps(spec_fields(spec)))
    assert list(spec_faults(fields)) == []
    assert spec_from_fields(fields) == spec


def test_a_spec_of_an_older_version_has_no_past_labels() -> None:
    fields = json.loads(json.dumps(spec_fields(SeriesSpec(HEADS[:1], ("rain", "wind"), 48))))
    del fields["past_labels"]
    assert list(spec_faults(fields)) == []
    assert spec_from_fields(fields) == SeriesSpec(HEADS[:1], ("rain", "wind"), 48)
