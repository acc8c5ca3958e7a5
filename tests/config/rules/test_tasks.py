"""Which models read which data, and what has no effect on a module of one's own."""

from typing import Any

import pytest

from lab.config.rules.tasks import GIVES, READS, RULES

from .conftest import keys_of_mistakes


def mistakes(**values: Any) -> dict[str, str]:
    result = {}
    for keys, rule in RULES:
        given = [values.get(key.replace(".", "_")) for key in keys]
        if all(value is not None for value in given):
            result.update({mistake.key: mistake.remedy for mistake in rule(*given)})
    return result


@pytest.mark.parametrize("model", READS)
@pytest.mark.parametrize("data", GIVES)
def test_a_model_that_cannot_read_the_data_is_refused_with_both_ways_out(model: str, data: str) -> None:
    result = mistakes(model_name=model, model_kind=model, data_kind=data)
    if GIVES[data] in READS[model]:
        assert result == {}
    else:
        assert result["model"].startswith("data=")
        assert ", or model=" in result["model"]


def test_settings_of_lab_have_no_effect_on_a_module_of_ones_own() -> None:
    result = mistakes(
        model_kind="custom", callbacks_lr_finder_enabled=True, callbacks_batch_finder_enabled=False,
        optimizer_kind="lion", scheduler_kind="linear", loss_kind="custom", metrics_extra={"auroc": {}},
    )  # fmt: skip
    assert result == {
        "callbacks.lr_finder.enabled": "callbacks.lr_finder.enabled=false",
        "optimizer": "optimizer=adamw",
        "loss": "loss=default",
        "metrics.extra": "metrics.extra=null",
    }
    allowed = {
        "callbacks_lr_finder_enabled": True, "callbacks_batch_finder_enabled": True, "optimizer_kind": "lion",
        "scheduler_kind": "plateau", "loss_kind": "custom", "metrics_extra": {"a": {}},
    }  # fmt: skip
    assert mistakes(model_kind="encoder", **allowed) == {}


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"model.base": None, "data.kind": "qa_demo"}, []),
        ({"model.base": "linear", "data.kind": "maintenance"}, []),
        ({"model.base": "linear", "data.kind": "qa_demo"}, ["model.base"]),
        ({"model.base": "linear", "data.kind": "squad"}, ["model.base"]),
        ({"model.base": "linear", "model.pretrain": True}, ["model.base"]),
        ({"model.base": "linear", "model.kind": "minirocket", "model.head": "ridge"}, ["model.base"]),
        ({"model.base": "linear", "model.kind": "minirocket", "model.head": "logistic"}, []),
        ({"model.base": "linear", "data.split.train_on_val": False, "data.split.refit": False}, []),
        ({"model.base": "linear", "data.split.train_on_val": True, "data.split.refit": False},
         ["data.split.train_on_val"]),
        ({"model.base": "linear", "data.split.train_on_val": False, "data.split.refit": True}, ["data.split.refit"]),
        ({"model.base": "linear", "peft.merge": True}, ["peft.merge"]),
        ({"model.base": None, "peft.merge": True}, []),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_base_is_refused(config: dict[str, object], keys: list[str]) -> None:
    assert [key for key in keys_of_mistakes(config) if key != "model.causal"] == keys
