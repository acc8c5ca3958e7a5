"""A study's files are data: a journal cannot set keys outside the space, or values outside its distributions."""

import json
from pathlib import Path
from typing import Any

import pytest

CONFIRM = "sweep.confirm={top_k: 1, seeds: 2}"
FEW = "sweep.limits.max_total_trials=2"


def rewrite(journal: Path, change: Any) -> None:
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps(change(line)) + "\n" for line in lines))


def overrides_of(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("confirm/*/.hydra/overrides.yaml"))


@pytest.mark.parametrize(
    "key",
    [
        *(pytest.param(key, marks=pytest.mark.slow) for key in ("name", "hydra.job.env_set.LD_PRELOAD")),
        "+hydra.callbacks.x._target_",
    ],
)
def test_values_in_a_journal_do_not_become_overrides(toy: Any, key: str) -> None:
    assert toy.run(FEW)[0] == 0

    def claimed(line: dict[str, Any]) -> dict[str, Any]:
        if "values" in line.get("user_attr", {}):
            line["user_attr"]["values"][key] = "stranger"
        return line

    rewrite(toy.folder / "journal.log", claimed)
    code, out = toy.run(FEW, CONFIRM)
    assert code == 0, out
    assert "optimizer.lr" in overrides_of(toy.folder)
    assert "stranger" not in overrides_of(toy.folder)


@pytest.mark.parametrize(
    "distribution",
    [
        {"name": "CategoricalDistribution", "attributes": {"choices": ["${oc.env:HOME}", "b"]}},
        pytest.param(
            {"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 9.0, "log": False, "step": None}},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_parameters_outside_the_space_are_refused(toy: Any, distribution: dict[str, Any]) -> None:
    assert toy.run(FEW)[0] == 0

    def other_law(line: dict[str, Any]) -> dict[str, Any]:
        if line.get("param_name") == "optimizer.lr" and "distribution" in line:
            line |= {"distribution": json.dumps(distribution), "param_value_internal": 0}
        return line

    rewrite(toy.folder / "journal.log", other_law)
    code, out = toy.run(FEW, CONFIRM)
    assert code == 2, out
    assert "trial 0 and trial 1" in out or "trial 0, trial 1" in out
    assert f"sweep.study={toy.folder.name}_2" in out
    assert "Traceback" not in out
