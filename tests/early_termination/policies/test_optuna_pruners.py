"""Optuna's pruners: the class of a block, and that it ends bad trials only."""

from typing import Any

import pytest
from optuna.pruners import HyperbandPruner, SuccessiveHalvingPruner

from lab.early_termination.parsing import parse


@pytest.mark.parametrize(
    ("block", "kind"), [("asha", SuccessiveHalvingPruner), ({"type": "hyperband", "max_resource": 9}, HyperbandPruner)]
)
def test_optunas_pruners(block: Any, kind: type) -> None:
    policy = parse(block)
    assert isinstance(policy.pruner(), kind)
    assert not policy.is_replayable
