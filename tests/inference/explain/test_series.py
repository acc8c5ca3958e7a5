"""Explanations of windows: occlusion names the channel and the time that decide."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lab.inference.explain.series import SeriesExplainer, part_name, time_parts
from lab.inference.predict import Done
from lab.inference.series import PLACE

from ..conftest import read_csv, write_weather


class _Rule:
    """Class 1 if the second channel was high in the last two steps."""

    def __call__(self, batch: Any) -> list[torch.Tensor]:
        recent = batch.values[:, -2:, 1].mean(1)
        return [torch.stack([torch.zeros_like(recent), recent], 1)]


def explainer(values: np.ndarray, scaling: Any, missing: tuple[int, int, int] | None = None) -> SeriesExplainer:
    observed = np.ones(values.shape, np.bool_)
    if missing:
        observed[missing] = False
    rows = SimpleNamespace(arrays=lambda _: (values.copy(), observed))
    predictor: Any = SimpleNamespace(
        head=SimpleNamespace(name="rain", classes=("dry", "wet")), scaling=scaling, batch_size=5,
        windows=[SimpleNamespace(rows=rows)], model=_Rule(), device=torch.device("cpu"), base_logits=lambda *_: None,
        chosen=lambda logits: logits.argmax(-1),
    )  # fmt: skip
    return SeriesExplainer(predictor, ["wind", "humidity"])


@pytest.mark.parametrize(("scaling", "fall"), [({}, 3.0), (None, 2.5)])
def test_the_part_that_decides_has_the_whole_fall(scaling: Any, fall: float) -> None:
    values = np.zeros((1, 24, 2), np.float32)
    values[0, -4:, 1] = 3.0
    (explanation,) = explainer(values, scaling).explain([{PLACE: (0, 0)}])[0]
    assert (explanation.head, explanation.label, explanation.completeness_error) == ("rain", "wet", None)
    assert dict(explanation.words) == pytest.approx(
        {word: fall if word == "humidity -1..0" else 0.0 for word, _ in explanation.words}
    )
    assert len(explanation.words) == 24
    assert explanation.num_times == 12


def test_a_missing_value_is_left_alone() -> None:
    values = np.zeros((1, 24, 2), np.float32)
    values[0, -1, 1] = 3.0
    (explanation,) = explainer(values, None, (0, 22, 1)).explain([{PLACE: (0, 0)}])[0]
    assert dict(explanation.words)["humidity -1..0"] == pytest.approx((3.0 - 3.0 / 23) / 2)


@pytest.mark.parametrize("steps", [1, 5, 12, 100])
def test_parts_cover_a_window(steps: int) -> None:
    parts = time_parts(steps)
    assert [step for part in parts for step in range(part.start, part.stop)] == list(range(steps))
    assert part_name(parts[-1], steps).endswith("..0")


def test_columns_and_page(predict_with: Callable[..., Done], tmp_path: Path) -> None:
    predict_with("series", input=write_weather(tmp_path / "new.csv", hours=26), explain=True)
    rows = read_csv(tmp_path / "out.csv")
    assert len(rows) == 6
    for row in rows:
        words = json.loads(row["temperature_attributions"])
        assert words[0][0] == "rain -23..-22"
        assert any(value for _, value in words)
        assert row["temperature_attribution_error"] == ""
    page = (tmp_path / "out.explained.html").read_text()
    assert "new.csv, " in page
    assert "2018-01-02T01:00:00" in page
