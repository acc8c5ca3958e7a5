"""What a run that is not above a simple model suggests to try."""

from functools import cache

import pytest

import lab
from lab.config.schema import Config
from lab.training.auto import suggestion as module
from lab.training.auto.suggestion import suggestion
from lab.training.auto.table import Machine

GPU_AND_BETO = Machine(["beto"], lambda: True)
SERIES = "data=ucr data.name=UnitTest"


@cache
def _config(line: str) -> Config:
    return lab.compose(line.split())


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "machine_of", lambda _: Machine((), lambda: False))


@pytest.mark.parametrize("line", ["model=tiny model.base=linear", "model=ngram", "model=inception_time data=rainfall"])
@pytest.mark.parametrize("verdict", ["no_better", "below"])
def test_a_run_that_is_not_above_a_simple_model_is_shown_another_one(line: str, verdict: str) -> None:
    found = suggestion(
        _config(line),
        {"overall": {"verdict": verdict, "baseline": "linear"}},
        {"rows": {"train": 1500}, "classes": {"causa": 12}},
    )
    assert found is not None
    assert "model=auto" in found


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("model=ngram model.base=linear", 1500),
        (f"model=minirocket {SERIES}", 36),
        (f"model=inception_time {SERIES}", 100_000),  # features of so many windows do not fit MiniRocket's head
    ],
)
def test_nothing_is_suggested_where_auto_would_choose_the_same(line: str, rows: int) -> None:
    assert (
        suggestion(
            _config(line),
            {"overall": {"verdict": "no_better", "baseline": "linear"}},
            {"rows": {"train": rows}, "classes": {"causa": 12}},
        )
        is None
    )


def test_an_encoder_may_be_what_auto_takes_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = {"overall": {"verdict": "below", "baseline": "linear"}}
    config = _config("model=beto model.base=linear")
    assert suggestion(config, comparison, {"rows": {"train": 1500}, "classes": {"causa": 12}}) is not None
    monkeypatch.setattr(module, "machine_of", lambda _: GPU_AND_BETO)
    assert suggestion(config, comparison, {"rows": {"train": 1500}, "classes": {"causa": 12}}) is None
    assert suggestion(config, comparison, {"rows": {"train": 999}, "classes": {"causa": 12}}) is not None


@pytest.mark.parametrize(
    ("line", "reason", "verdict", "baseline"),
    [
        ("model=tiny", None, "above", "linear"),
        ("model=tiny", None, "below", "majority"),  # says more about the rate than about the model
        ("model=ngram", "1,500 texts", "below", "linear"),  # chosen by auto
        ("model=linear", None, "no_better", "ridge"),
        ("model=tiny data=qa_demo", None, "below", "best_sentence"),
    ],
)
def test_nothing_is_suggested_where_auto_adds_nothing(
    line: str, reason: str | None, verdict: str, baseline: str
) -> None:
    config = _config(line).model_copy(update={"model_reason": reason})
    assert (
        suggestion(
            config,
            {"overall": {"verdict": verdict, "baseline": baseline}},
            {"rows": {"train": 1500}, "classes": {"causa": 12}},
        )
        is None
    )
    assert suggestion(_config(line), None, {"rows": {"train": 1500}, "classes": {"causa": 12}}) is None
