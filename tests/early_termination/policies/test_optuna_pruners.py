"""Optuna's pruners: the class of a block, and that it ends bad trials only."""

from typing import Any

import optuna
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


@pytest.mark.parametrize("block", [{"type": "asha", "reduction_factor": 2}, {"type": "hyperband", "max_resource": 8}])
def test_optunas_pruners_end_bad_trials_only(block: Any) -> None:
    policy = parse(block)
    study = optuna.create_study(study_name="toy", direction="minimize", pruner=policy.pruner())
    good, *others = [study.ask() for _ in range(8)]  # hyperband deals trials out to its brackets
    ended = set()
    for step in range(1, 9):
        for one in (good, *others):
            one.report(1.0 if one is good else 2.0 + one.number, step)
            if one.should_prune():
                ended.add(one.number)
    assert ended
    assert good.number not in ended
