"""Drift files are read, ordered by shift, and refused all at once where they are damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.report.sources.drift import read_drift


def subject(name: str, level: str, index: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "kind": "numbers", "unit": "characters", "reference_rows": 9, "rows": 3, "level": level,
        "p_holm": 0.01, "measures": {
            "population_stability_index": {"value": index, "p": 0.01}, "kolmogorov_smirnov": {"value": 0.4, "p": 0.1}
        }, "quantiles": [[1.0, 2.0, 3.0], [4.0, 5.0, None]], "shares": None,
    } | more  # fmt: skip


def content(*subjects: dict[str, Any]) -> dict[str, Any]:
    return {"schema_version": 1, "run": "outputs/<b>", "input": ["new.csv"], "output": "out.csv", "rows": 3,
            "subjects": list(subjects), "left_out": {"labels/cause": "none"}}  # fmt: skip


def test_the_most_shifted_subject_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "a.drift.json"
    shares = {"leak": [0.5, 0.1], "wear": [0.5, 0.9]}
    path.write_text(json.dumps(content(
        subject("characters/text", "none", 0.3), subject("unknown tokens", "moderate", 0.2),
        subject("labels/cause", "large", 0.9, kind="classes", quantiles=None, shares=shares),
    )))  # fmt: skip
    (file,) = read_drift([str(path)])
    assert [each.name for each in file.subjects] == ["labels/cause", "unknown tokens", "characters/text"]
    assert file.subjects[0].changes == (("leak", 0.5, 0.1), ("wear", 0.5, 0.9))
    assert file.subjects[1].changes[2] == ("95 %", 3.0, None)
    assert (file.subjects[1].stability, file.subjects[1].distance) == (0.2, 0.4)


def test_all_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(RequestError) as caught:
        read_drift([str(tmp_path / "a.json"), str(tmp_path / "none.json")])
    assert len(caught.value.mistakes) == 2
    assert "drift=true" in str(caught.value)
