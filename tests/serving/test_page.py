"""The page at `/` without a browser: its form, and what comes from data escaped."""

from types import SimpleNamespace
from typing import Any

from lab.inference.predictor import Field
from lab.serving.page import FILES, heads_of, others_of, page

HOSTILE = '"><script>alert(1)</script>'


def model(**settings: Any) -> Any:
    """A stand-in for a loaded model."""
    parts = {"needed": ("title", HOSTILE), "rows_are_windows": False, "explainer": None, "unexplained": HOSTILE}
    parts |= settings
    intake = SimpleNamespace(needed=parts["needed"], rows_are_windows=parts["rows_are_windows"])
    columns = [Field(f"{HOSTILE}{end}", "text") for end in ("", "_probability")]
    return SimpleNamespace(
        folder=SimpleNamespace(name=HOSTILE), version="0123", intake=intake, columns=columns,
        explainer=parts["explainer"], unexplained=parts["unexplained"], predictor=SimpleNamespace(fields=columns),
    )  # fmt: skip


def test_everything_of_the_model_is_escaped() -> None:
    for made in (page(model(), True), page(model(rows_are_windows=True), False)):
        assert "<script>alert" not in made
        assert "&lt;script&gt;alert" in made


def test_a_form_for_texts_and_one_for_tables() -> None:
    texts, table = page(model(), True), page(model(rows_are_windows=True), False)
    assert (texts.count("<textarea"), table.count("<textarea")) == (2, 1)
    assert ('id="key"' in texts, 'id="key"' in table) == (True, False)
    assert 'id="explain"' not in texts
    assert "(gradients)" in page(model(explainer=SimpleNamespace(method="gradients")), False)


def test_nothing_is_loaded_from_elsewhere() -> None:
    for text in (page(model(), True), *(content for content, _ in FILES.values())):
        assert "http" not in text


def test_heads_with_their_ranks() -> None:
    names = ["hour", "cause_2", "cause_2_probability", "cause", "cause_probability", "cause_3", "cause_3_probability"]
    assert heads_of(names) == [{"name": "cause_2", "ranks": ["cause_2"]},
                               {"name": "cause", "ranks": ["cause", "cause_3"]}]  # fmt: skip


def test_columns_of_no_head_are_shown_beside_them() -> None:
    names = ["cause", "cause_probability", "cause_2", "cause_2_probability", "answer_start", "cause_abstain", "heat"]
    heads = [{"name": "cause", "ranks": ["cause", "cause_2"]}, {"name": "answer", "ranks": ["answer"]}]
    assert others_of(names, heads) == ["cause_abstain", "heat"]
