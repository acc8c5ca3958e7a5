from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.core.errors import RequestError
from lab.core.record.run_folder import StudyFolder
from lab.early_termination.policies import Bandit, MedianStopping, Rule, TruncationSelection, decide
from lab.report.analysis.run_table import build_run_table
from lab.report.analysis.what_if import replay, replay_policies
from lab.report.sources.run_folders import read
from lab.report.text.translate import translate

from ..conftest import MakeRun, write_run

ACCURACY = {
    "A": [0.5, 0.6, 0.8],
    "B": [0.4, 0.5, 0.66],
    "C": [0.4, 0.5, 0.67],
    "D": [0.1, 0.2, 0.3],
    "E": [0.45, 0.55, 0.62],
}
LOSS = {"A": [1.0, 0.8, 0.5], "B": [1.2, 1.0, 0.61], "C": [1.2, 0.9, 0.59], "D": [2.0, 1.9, 1.8], "E": [1.1, 1.0, 0.62]}


@pytest.mark.parametrize(
    ("policy", "accuracy", "loss"),
    [
        (Bandit(slack_factor=0.2, delay_evaluation=3), "BDE", "BDE"),
        (Bandit(slack_amount=0.1, delay_evaluation=3), "BCDE", "BDE"),
        (MedianStopping(delay_evaluation=3), "D", "D"),
        (TruncationSelection(20, delay_evaluation=3), "D", "D"),
        (TruncationSelection(20, delay_evaluation=4), "", ""),
    ],
)
def test_the_policies_end_whom_azure_would(policy: Rule, accuracy: str, loss: str) -> None:
    for goal, histories, expected in (("maximize", ACCURACY, accuracy), ("minimize", LOSS, loss)):
        found = replay(policy, goal, [np.array(values) for values in histories.values()])  # type: ignore[arg-type]
        assert "".join("ABCDE"[place] for place in sorted(found)) == expected
        assert {interval for interval, _ in found.values()} <= {3}


def one_by_one(policy: Rule, goal: Any, reports: list[list[float]]) -> dict[int, tuple[int, str]]:
    """The same replay, each decision left to `decide` over all histories."""
    told: dict[int, list[float]] = {place: [] for place in range(len(reports))}
    ended: dict[int, tuple[int, str]] = {}
    for n in range(1, max(map(len, reports)) + 1):
        running = [place for place, values in enumerate(reports) if len(values) >= n and place not in ended]
        for place in running:
            told[place].append(reports[place][n - 1])
        heard = {place: values for place, values in told.items() if values}
        reasons = {place: decide(policy, goal, heard, place, frozenset()) for place in running}
        ended |= {place: (n, reason) for place, reason in reasons.items() if reason is not None}
    return ended


VALUES = st.one_of(st.sampled_from([0.0, 0.5, 0.9, float("nan")]), st.floats(0, 1, width=16))
POLICIES = st.one_of(
    st.builds(
        Bandit, slack_factor=st.just(0.2), evaluation_interval=st.integers(1, 2), delay_evaluation=st.integers(0, 3)
    ),
    st.builds(Bandit, slack_amount=st.just(0.1)),
    st.builds(MedianStopping, evaluation_interval=st.integers(1, 2), delay_evaluation=st.integers(0, 3)),
    st.builds(TruncationSelection, st.integers(1, 99), evaluation_interval=st.integers(1, 2)),
)


@settings(max_examples=150, deadline=None)
@given(
    POLICIES,
    st.sampled_from(["maximize", "minimize"]),
    st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=1, max_size=7),
)
def test_a_replay_decides_as_the_policies_do(policy: Rule, goal: Any, reports: list[list[float]]) -> None:
    found = replay(policy, goal, [np.array(values) for values in reports])
    expected = one_by_one(policy, goal, reports)
    assert {place: interval for place, (interval, _) in found.items()} == {
        place: interval for place, (interval, _) in expected.items()
    }
    for place, (_, reason) in found.items():
        assert reason.key.removeprefix("ended_") == expected[place][1].split(" ")[0]
        assert all(translate(reason, lang) for lang in ("en", "es"))


def test_epochs_saved_and_regret(make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    """The slow starter that wins in the end is ended at its second report: 2 epochs saved, regret .2."""
    make_run("study/0", (0.5, 0.6, 0.6, 0.6), sweep={"study": "s", "trial": 0})
    make_run("study/1", (0.1, 0.2, 0.3, 0.8), sweep={"study": "s", "trial": 1})
    make_run("study/2", (0.5,), status="failed", sweep={"study": "s", "trial": 2})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    block = {"type": "bandit", "slack_factor": 0.2, "delay_evaluation": 2}
    found, never = replay_policies(runs, ask(what_if=[block, "none"]).what_if)
    assert (found.study, found.num_trials, found.policy) == ("s", 2, "bandit slack_factor=0.2 delay_evaluation=2")
    assert [(one.row, one.interval, one.epochs_saved) for one in found.ended] == [(1, 2, 2)]
    assert found.ended[0].reason.values == {"own": 0.2, "top": 0.6, "num": 2, "slack": "slack_factor 0.2"}
    assert (found.epochs_saved, found.share_saved) == (2, 0.25)
    assert found.regret == pytest.approx(0.2)
    assert (never.ended, never.regret) == ((), 0.0)


def test_confirmation_runs_are_no_trials(tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    folder = StudyFolder(tmp_path / "lr")
    folder.path.mkdir()
    folder.write_study({"study": "lr", "total": 2})
    for name in ("0", "1", "confirm/0-43", "confirm/0-44"):
        write_run(folder.path / name)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    found = replay_policies(runs, ask(what_if=["none"]).what_if)
    assert [(one.study, one.num_trials) for one in found] == [("lr", 2)]


def test_studies_of_one_name_are_replayed_apart(tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    for folder, name in (("01", "lr"), ("02", "lr"), ("02", "depth")):
        study = StudyFolder(tmp_path / folder / name)
        study.path.mkdir(parents=True)
        study.write_study({"study": name, "total": 2})
        for trial in ("0", "1"):
            write_run(study.path / trial)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    found = replay_policies(runs, ask(what_if=["none"]).what_if)
    assert sorted((one.study, one.num_trials) for one in found) == [("depth", 2), ("lr (01/lr)", 2), ("lr (02/lr)", 2)]


def test_an_end_at_the_last_report_saves_nothing(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("0", (0.5, 0.6))
    make_run("1", (0.5, 0.1))
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    (found,) = replay_policies(runs, ask(what_if=[{"type": "median_stopping"}]).what_if)
    assert (found.ended, found.epochs_saved) == ((), 0)


def test_every_wrong_block_is_told_at_once(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("0")
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    with pytest.raises(RequestError) as caught:
        replay_policies(runs, ask(what_if=["asha", {"type": "bandit"}, "median"]).what_if)
    assert len(caught.value.mistakes) == 3
