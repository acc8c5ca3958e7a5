"""Contradictions between keys of training, its objective and its callbacks."""

import pytest

from lab.config.rules.training import sense

from .conftest import keys_of_mistakes

BATCH = ("callbacks.batch_finder.enabled", "callbacks.batch_finder.max_batch_size", "data.batch_size")
FINDER = ("callbacks.lr_finder.enabled", "callbacks.lr_finder.min_lr", "callbacks.lr_finder.max_lr")
OBJECTIVE = ("objective.metric", "objective.mode")
STEPS = ("trainer.accumulate_grad_batches", "callbacks.accumulate.schedule")
STOPPING = ("callbacks.early_stopping.metric", "callbacks.early_stopping.mode")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (OBJECTIVE, ("val/f1_macro", "max"), []),
        (("data.split.refit", "data.split.train_on_val"), (True, False), []),
        (("data.split.refit", "data.split.train_on_val"), (True, True), ["data.split.refit"]),
        (("data.split.refit", "scheduler.kind"), (True, "linear"), []),
        (("data.split.refit", "scheduler.kind"), (True, "plateau"), ["data.split.refit"]),
        (STEPS, (4, None), []),
        (STEPS, (1, {0: 8, 4: 4}), []),
        (STEPS, (4, {0: 8}), ["trainer.accumulate_grad_batches"]),
        (("callbacks.batch_finder.enabled", "data.max_tokens"), (True, None), []),
        (("callbacks.batch_finder.enabled", "data.max_tokens"), (False, 4096), []),
        (("callbacks.batch_finder.enabled", "data.max_tokens"), (True, 4096), ["callbacks.batch_finder.enabled"]),
        (OBJECTIVE, ("val/causa/f1_macro", "max"), []),
        (OBJECTIVE, ("val/loss", "min"), []),
        (OBJECTIVE, ("val/loss", "max"), ["objective.mode"]),
        (OBJECTIVE, ("val/f1_macro", "min"), ["objective.mode"]),
        (OBJECTIVE, ("test/f1_macro", "max"), ["objective.metric"]),
        (OBJECTIVE, ("train/loss", "min"), ["objective.metric"]),
        (OBJECTIVE, ("f1_macro", "max"), ["objective.metric"]),
        (OBJECTIVE, ("val/", "max"), ["objective.metric"]),
        (STOPPING, (None, None), []),
        (STOPPING, ("causa/f1_macro", None), []),
        (STOPPING, ("val/loss", "max"), ["callbacks.early_stopping.mode"]),
        (STOPPING, ("test/loss", None), ["callbacks.early_stopping.metric"]),
        (STOPPING, (None, "max"), ["callbacks.early_stopping.mode"]),
        (("scheduler.warmup_ratio", "scheduler.warmup_steps"), (0.1, None), []),
        (("scheduler.warmup_ratio", "scheduler.warmup_steps"), (0.0, 10), []),
        (("scheduler.warmup_ratio", "scheduler.warmup_steps"), (0.1, 10), ["scheduler.warmup_steps"]),
        (("trainer.min_epochs", "trainer.max_epochs"), (3, 3), []),
        (("trainer.min_epochs", "trainer.max_epochs"), (4, 3), ["trainer.min_epochs"]),
        (FINDER, (False, 1.0, 1e-3), []),
        (FINDER, (True, 1e-7, 1.0), []),
        (FINDER, (True, 1.0, 1.0), ["callbacks.lr_finder.min_lr"]),
        (BATCH, (True, 16, 16), []),
        (BATCH, (False, 8, 16), []),
        (BATCH, (True, 8, 16), ["callbacks.batch_finder.max_batch_size"]),
        (("resume", "test"), ("a", None), []),
        (("resume", "test"), ("a", "b"), ["test"]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert keys_of_mistakes(dict(zip(keys, values, strict=True))) == blamed


def test_the_sense_of_a_metric_follows_from_its_name() -> None:
    assert (sense("val/loss"), sense("loss"), sense("val/causa/f1_macro")) == ("min", "min", "max")
