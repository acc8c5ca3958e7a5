"""The explainer of each predictor, and the refusal of every other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.inference.explain.select import explainer_of

from ..conftest import predictor_of_run


@pytest.mark.parametrize(
    ("name", "method"), [("ngram", "exact weights"), ("encoder", "integrated gradients"),
                         ("questions", "score of the answer"), ("series", "occlusion"), ("net", "occlusion"),
                         ("linear", "exact weights"), ("lags", "occlusion"),
                         ("ngram_on_base", "exact weights"), ("encoder_on_base", "integrated gradients")],
)  # fmt: skip
def test_every_task_has_its_method(trained: Callable[[str], Path], name: str, method: str) -> None:
    assert method in explainer_of(predictor_of_run(trained(name))).method


@pytest.mark.parametrize("name", ["ngram", "questions"])
def test_a_model_of_which_only_the_outputs_are_known_is_refused(trained: Callable[[str], Path], name: str) -> None:
    predictor: Any = predictor_of_run(trained(name))
    predictor.model = object()
    with pytest.raises(RequestError, match="a model of kind object cannot be explained"):
        explainer_of(predictor)


def test_a_custom_task_is_refused_before_anything_is_written(predict_with: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("x\n1\n")
    before = set(tmp_path.iterdir())
    with pytest.raises(RequestError, match=r"explain=true: a model of kind \w+ cannot be explained"):
        predict_with("custom", input=tmp_path / "new.csv", explain=True)
    assert set(tmp_path.iterdir()) == before
