from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.core.errors import RequestError
from lab.core.record.run_folder import StudyFolder
from lab.report.analysis.run_table import build_run_table
from lab.report.analysis.what_if import replay_policies
from lab.report.sources.run_folders import read
from lab.report.text.translate import translate

from ..conftest import MakeRun, write_run


def test_epochs_saved_and_regret(make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    """The slow starter that wins in the end is ended at its second report: 2 epochs saved, regret .2."""
    make_run("study/0", (0.5, 0.6, 0.6, 0.6), sweep={"study": "s", "trial": 0})
    make_run("study/1", (0.1, 0.2, 0.3, 0.8), sweep={"study": "s", "trial": 1})
    make_run("study/2", (0.5,), status="failed", sweep={"study": "s", "trial": 2})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    block = {"type": "bandit", "slack_factor": 0.2, "delay_evaluation": 2}
    result, never = replay_policies(runs, ask(what_if=[block, "none"]).what_if)
    assert (result.study, result.num_trials, result.policy) == ("s", 2, "bandit slack_factor=0.2 delay_evaluation=2")
    assert [(one.row, one.interval, one.epochs_saved) for one in result.ended] == [(1, 2, 2)]
    assert result.ended[0].reason.values == {"own": 0.2, "top": 0.6, "num": 2, "slack": "slack_factor 0.2"}
    assert (result.epochs_saved, result.share_saved) == (2, 0.25)
    assert result.regret == pytest.approx(0.2)
    assert (never.ended, never.regret) == ((), 0.0)


def test_confirmation_runs_are_no_trials(tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    folder = StudyFolder(tmp_path / "lr")
    folder.path.mkdir()
    folder.write_study({"study": "lr", "total": 2})
    for name in ("0", "1", "confirm/0-43", "confirm/0-44"):
        write_run(folder.path / name)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    result = replay_policies(runs, ask(what_if=["none"]).what_if)
    assert [(one.study, one.num_trials) for one in result] == [("lr", 2)]


def test_studies_of_one_name_are_replayed_apart(tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    for folder, name in (("01", "lr"), ("02", "lr"), ("02", "depth")):
        study = StudyFolder(tmp_path / folder / name)
        study.path.mkdir(parents=True)
        study.write_study({"study": name, "total": 2})
        for trial in ("0", "1"):
            write_run(study.path / trial)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    result = replay_policies(runs, ask(what_if=["none"]).what_if)
    assert sorted((one.study, one.num_trials) for one in result) == [("depth", 2), ("lr (01/lr)", 2), ("lr (02/lr)", 2)]


def test_an_end_at_the_last_report_saves_nothing(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("0", (0.5, 0.6))
    make_run("1", (0.5, 0.1))
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    (result,) = replay_policies(runs, ask(what_if=[{"type": "median_stopping"}]).what_if)
    assert (result.ended, result.epochs_saved) == ((), 0)


def test_every_wrong_block_is_reported_at_once(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("0")
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    with pytest.raises(RequestError) as caught:
        replay_policies(runs, ask(what_if=["asha", {"type": "bandit"}, "median"]).what_if)
    assert len(caught.value.mistakes) == 3


@pytest.mark.parametrize("lang", ["en", "es"])
def test_every_reason_has_a_sentence(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest], lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of its policy, or the policy's own words, as for a policy that the catalogue does not know."""
    for number, values in enumerate([(0.8, 0.8), (0.7, 0.7), (0.1, 0.1)]):
        make_run(str(number), values)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    truncation = {"type": "truncation_selection", "truncation_percentage": 40}
    blocks = ask(what_if=[{"type": "bandit", "slack_factor": 0.2}, "median_stopping", truncation]).what_if
    reasons = [one.ended[0].reason for one in replay_policies(runs, blocks)]
    assert [reason.key for reason in reasons] == [
        f"ended_{name}" for name in ("bandit", "median_stopping", "truncation_selection")
    ]
    assert all("0.1" in translate(reason, lang) for reason in reasons)
    monkeypatch.setattr("lab.report.analysis.what_if.catalogue", lambda lang: {})
    (other, *_) = replay_policies(runs, blocks)
    assert translate(other.ended[0].reason, lang).startswith("bandit at interval 1: best 0.1 is below 0.66")
