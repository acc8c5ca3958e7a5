"""A node with a class: what is beside `_target_` are its arguments, and it is saved as it was typed."""

import pytest
from pydantic import ValidationError

from lab.config.schema import CustomData, CustomModel, Target


def test_keys_beside_the_target_are_arguments() -> None:
    node = {"_target_": "my.Thing", "size": 3, "net": {"_target_": "my.Net"}}
    target = Target.model_validate(node)
    assert target.node == node
    assert target.model_dump(mode="json") == node


def test_settings_of_lab_are_no_arguments() -> None:
    own = {"kind": "custom", "name": "x", "lr": 0.1, "epochs": 2, "weight_decay": 0, "label_smoothing": 0}
    model = CustomModel.model_validate({**own, "_target_": "my.Module", "width": 8})
    assert model.node == {"_target_": "my.Module", "width": 8}
    data = CustomData.model_validate(
        {"kind": "custom", "name": "x", "metric": "val/acc", "_target_": "my.Data", "batch_size": 4})  # fmt: skip
    assert data.node == {"_target_": "my.Data", "batch_size": 4}


def test_a_node_without_a_target_is_refused() -> None:
    with pytest.raises(ValidationError, match="_target_"):
        Target.model_validate({"size": 3})
