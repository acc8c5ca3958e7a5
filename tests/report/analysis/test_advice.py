"""Overrides to try: given only where the key acts on the model."""

from lab.report.analysis.advice import is_solved, longer, longer_texts, scaled, warm_up
from lab.sweep.search_space.idle_keys import SOLVED, reason

RIDGE = {"model.kind": "minirocket", "model.head": "ridge", "optimizer.lr": 1e-3, "scheduler.warmup_ratio": 0.0}


def test_solved_models_are_those_that_a_sweep_knows() -> None:
    for kind, (switch, value, _, _) in SOLVED.items():
        model = {"kind": kind, "name": kind} | ({} if switch is None else {switch: value})
        assert reason("optimizer.lr", {"model": model}) is not None
        assert is_solved({f"model.{key}": each for key, each in model.items()})
    assert not is_solved({"model.kind": "minirocket", "model.head": "logistic"})


def test_a_solved_model_has_no_advice_on_its_rate() -> None:
    assert scaled(RIDGE, "optimizer.lr", 10) == warm_up(RIDGE) == ""
    trained = RIDGE | {"model.head": "logistic"}
    assert scaled(trained, "optimizer.lr", 10) == "optimizer.lr=0.01"
    assert warm_up(trained) == "scheduler.warmup_ratio=0.1"


def test_a_key_that_the_run_lacks_has_no_advice() -> None:
    assert scaled({}, "optimizer.weight_decay", 10) == warm_up({}) == ""
    assert warm_up({"scheduler.warmup_ratio": 0.2}) == ""


def test_what_ends_a_run_is_doubled() -> None:
    assert longer({"trainer.max_steps": -1}, 3) == longer({"trainer.max_steps": None}, 3) == "trainer.max_epochs=6"
    assert longer({"trainer.max_steps": 100}, 3) == "trainer.max_steps=200"
    assert longer_texts({}) == "data.max_length=512"
