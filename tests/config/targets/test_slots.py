"""The nodes of a config that stand in a place for them."""

from typing import Any

from lab.config.targets.signatures import located
from lab.config.targets.slots import CALLBACK, LOSS, METRIC, NAMED_SCHEDULES, SCHEDULER, named_schedule, nodes


def test_the_nodes_of_groups_and_of_extras() -> None:
    loss = {"kind": "custom", "_target_": "a.Loss", "margin": 2, "class_weights": "none", "head_weights": None,
            "head_weighting": "fixed"}  # fmt: skip
    plain: dict[str, Any] = {
        "loss": loss,
        "model": {"kind": "custom", "_target_": "???"},
        "optimizer": {"kind": "adamw", "lr": 1},
        "callbacks": {"extra": {"first": {"_target_": "a.First"}, "empty": {}}},
        "metrics": {"extra": {"mine": {"_target_": "a.Mine"}}},
        "scheduler": {"kind": "transformers", "name": "linear", "arguments": {}},
    }
    found = {key: (dict(node), slot) for key, node, slot in nodes(plain)}
    assert found == {
        "loss": ({"_target_": "a.Loss", "margin": 2}, LOSS),
        "callbacks.extra.first": ({"_target_": "a.First"}, CALLBACK),
        "metrics.extra.mine": ({"_target_": "a.Mine"}, METRIC),
        "scheduler.arguments": (named_schedule("linear", {}), SCHEDULER),
    }


def test_each_named_schedule_is_a_function_of_transformers() -> None:
    for name in NAMED_SCHEDULES:
        assert callable(located(named_schedule(name, {})["_target_"]))
