"""What the names of the methods say of the base and of the adapters."""

from pathlib import Path

import pytest
import yaml

from lab.config.schema.training import Adapters

CONF = Path(__file__).parents[3] / "conf" / "peft"


@pytest.mark.parametrize(
    ("name", "quantised", "dora"),
    [("lora", False, False), ("dora", False, True), ("qlora", True, False), ("qdora", True, True)],
)
def test_the_method_is_in_its_name(name: str, quantised: bool, dora: bool) -> None:
    values = {"r": 4, "alpha": 8.0, "dropout": 0.0, "targets": "all", "layers": None, "merge": False, "lr": 1e-4}
    adapters = Adapters.model_validate({"kind": name, **values})
    assert (adapters.quantised, adapters.dora) == (quantised, dora)
    assert yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8")), "each method has its file"
