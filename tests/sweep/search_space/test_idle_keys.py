"""Keys that do not act on a model that is solved in closed form."""

import pytest

from lab.sweep.search_space.idle_keys import example, reason

RIDGE = {"model": {"kind": "minirocket", "name": "minirocket", "head": "ridge"}}
LOGISTIC = {"model": {"kind": "minirocket", "name": "minirocket", "head": "logistic"}}


@pytest.mark.parametrize("key", ["optimizer.lr", "optimizer.betas", "model.dropout", "trainer.max_epochs", "scheduler"])
def test_training_does_not_act_on_a_solved_head(key: str) -> None:
    assert "model=minirocket with model.head=ridge" in (reason(key, RIDGE) or "")
    assert reason(key, LOGISTIC) is None
    assert reason(key, {"model": {"kind": "ngram", "name": "ngram"}}) is None


@pytest.mark.parametrize("key", ["model.num_features", "loss.class_weights", "seed", "data.window", "model.alphas"])
def test_other_keys_act_on_it(key: str) -> None:
    assert reason(key, RIDGE) is None


def test_the_example_acts() -> None:
    assert reason(example(RIDGE).strip("'").partition("=")[0], RIDGE) is None


def test_training_does_not_act_on_a_linear_model() -> None:
    linear = {"model": {"kind": "linear", "name": "linear"}}
    assert reason("optimizer.lr", linear) == "does not act on model=linear, which is solved and not trained by steps"
    assert reason("model.c", linear) is None
    assert reason(example(linear).strip("'").partition("=")[0], linear) is None
