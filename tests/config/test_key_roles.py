"""Every list of keys that the roles of the schema give, against a list written by hand."""

import pytest

from lab.config.dotted_keys import is_below
from lab.config.key_roles import default_of, field_of, has_role, keys
from lab.config.schema import Role

WATCHING = {
    "trainer.num_sanity_val_steps", "trainer.log_every_n_steps", "trainer.inference_mode", "trainer.profiler",
    "trainer.detect_anomaly", "trainer.benchmark", "trainer.enable_progress_bar", "trainer.enable_model_summary",
}  # fmt: skip
PLACE = {"trainer.accelerator", "trainer.strategy", "trainer.threads"}
WRITTEN = {
    Role.UNNAMED: WATCHING | PLACE | {
        "sweep", "experiment_name", "run_name", "tags", "resume", "test", "logger", "cache", "objective", "plugins",
        "model_reason",
        "baselines",
        "data.num_workers", "data.path", "data.train", "data.val",
        "data.test", "data.text", "data.labels", "callbacks.progress", "callbacks.curves",
    },
    Role.CHANGEABLE: WATCHING | PLACE | {
        "trainer.max_epochs", "trainer.min_epochs", "trainer.max_steps", "trainer.min_steps", "trainer.max_time",
        "callbacks.early_stopping", "callbacks.checkpoint", "callbacks.progress", "callbacks.curves",
        "callbacks.overfit", "callbacks.nan_guard", "data.num_workers", "data.pin_memory", "data.persistent_workers",
        "data.eval_batch_size", "data.path", "data.train", "data.val", "data.test", "peft.merge", "logger",
        "cache.dir", "cache.max_gib", "hydra", "tags", "baselines",
    },
    Role.CHANGEABLE_IN_STUDY: WATCHING | {
        "sweep", "objective", "resume", "test", "run_name", "tags", "logger", "cache.dir", "cache.max_gib",
        "callbacks.progress", "callbacks.curves", "baselines", "model_reason",
    },
    Role.NOT_COMPARED: WATCHING | PLACE | {
        "experiment_name", "run_name", "tags", "resume", "test", "logger", "cache", "objective", "sweep",
        "callbacks.progress", "callbacks.curves", "callbacks.checkpoint", "baselines", "model_reason",
        "data.num_workers", "data.pin_memory", "data.persistent_workers",
    },
    Role.UNSEARCHED: {
        "trainer.fast_dev_run", "evaluation", "baselines", "plugins", "objective", "sweep", "resume", "test", "hydra",
        "model_reason",
    },
    Role.RECIPE: {"evaluation", "experiment_name", "seed", "objective", "plugins"},
    Role.RECIPE_GROUP: {
        "model", "data", "peft", "loss", "optimizer", "scheduler", "callbacks", "trainer", "cache",
    },
    Role.LOCAL: {"cache.dir"},
}  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
def test_the_fields_of_the_schema_give_the_keys_of_a_role(role: Role) -> None:
    assert set(keys(role)) == WRITTEN[role]


def test_a_role_holds_for_all_keys_below_and_for_no_key_that_only_begins_alike() -> None:
    assert has_role("logger.wandb.project", Role.UNNAMED)
    assert has_role("hydra.launcher.slots", Role.CHANGEABLE)
    assert not has_role("testing", Role.UNNAMED)
    assert not has_role("data.max_rows.train", Role.UNNAMED)
    assert has_role("seed", Role.NOT_COMPARED, also=["seed"])
    assert is_below("a.b", ["a"])
    assert not is_below("ab", ["a"])


@pytest.mark.parametrize("key", ["seed", "trainer.max_time", "optimizer.momentum", "callbacks.checkpoint"])
def test_keys_of_the_schema(key: str) -> None:
    assert field_of(key) is not None


@pytest.mark.parametrize("key", ["sede", "trainer.max_tme", "seed.x", "trainer.max_time.hours", "callbacks.extra.a"])
def test_other_keys(key: str) -> None:
    assert field_of(key) is None


def test_defaults() -> None:
    assert default_of("trainer.log_every_n_steps") == 50
    assert default_of("callbacks.extra") == {}
    assert default_of("seed") is None
    assert default_of("nothing") is None
