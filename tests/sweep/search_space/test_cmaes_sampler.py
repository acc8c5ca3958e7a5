"""CMA-ES's state comes from the study's storage, and must not run code."""

import os
import pickle
from pathlib import Path
from typing import Any

import optuna
import pytest

from lab.core.errors import RequestError
from lab.sweep.search_space.samplers import build_sampler
from lab.sweep.search_space.space import parse_space

pytest.importorskip("cmaes")
SPACE = parse_space({"optimizer.lr": "interval(0.1,0.9)", "model.dropout": "interval(0.1,0.9)"})


class Acting:
    """Creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def resumed_with(state: str) -> None:
    """Ask for one more trial of a study whose last trial has this state."""
    study = optuna.create_study(sampler=build_sampler("cmaes", SPACE))
    for number in range(2):
        trial = study.ask(SPACE.distributions())
        study._storage.set_trial_system_attr(trial._trial_id, "cma:generation", 0)
        if number == 1:
            study._storage.set_trial_system_attr(trial._trial_id, "cma:optimizer:0", state)
        study.tell(trial, 0.5)
    study.ask(SPACE.distributions())


def test_a_state_that_runs_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"trial 1 .* names (posix|nt)\.mkdir"):
        resumed_with(pickle.dumps(Acting(tmp_path / "made")).hex())
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("state", ["no hexadecimal", "80", pickle.dumps({"a": print}).hex(), b"garbage".hex()])
def test_a_garbled_state_is_refused(state: str) -> None:
    with pytest.raises(RequestError, match=r"sweep\.study"):
        resumed_with(state)
