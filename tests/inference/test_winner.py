"""The run that a person means: a run folder, or the winner of a study or a report."""

import json
from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.inference.winner import find_run


def run(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("")
    return path


def refused(typed: Path) -> str:
    with pytest.raises(RequestError) as caught:
        find_run(str(typed))
    return str(caught.value)


def test_a_run_is_itself(tmp_path: Path) -> None:
    assert find_run(str(run(tmp_path / "run"))) == tmp_path / "run"


def test_a_study_and_a_report_mean_their_winner(tmp_path: Path) -> None:
    winner = run(tmp_path / "study" / "3")
    (tmp_path / "study" / "summary.json").write_text(json.dumps({"winner": {"trial": 3}}))
    assert find_run(str(tmp_path / "study")) == winner
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "winner.json").write_text(json.dumps({"path": "../study/3"}))
    assert find_run(str(tmp_path / "report")).resolve() == winner


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{}", "has no winner"), ('{"winner": {"trial": "../x"}}', "has no winner"), ("[", "cannot be read"),
     ('{"winner": {"trial": 8}}', "is not there")],
)  # fmt: skip
def test_a_study_without_a_winner_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "summary.json").write_text(content)
    assert reason in refused(tmp_path)


def test_what_is_no_run_names_one_that_is(tmp_path: Path) -> None:
    assert "there is no such folder" in refused(tmp_path / "nothing")
    (run(tmp_path / "day" / "one") / "spec.json").write_text("{}")
    assert "day/one" in refused(tmp_path / "day")


@pytest.mark.parametrize("name", ["index.html", "runs.csv", "winner.json"])
def test_a_file_of_a_report_means_the_report(tmp_path: Path, name: str) -> None:
    winner = run(tmp_path / "study" / "3")
    report = tmp_path / "report"
    report.mkdir()
    for file in ("index.html", "runs.csv"):
        (report / file).touch()
    (report / "winner.json").write_text(json.dumps({"path": str(winner)}))
    assert find_run(str(report / name)) == winner
    (report / "winner.json").unlink()
    (report / name).touch()
    assert "is a file" in refused(report / name) or name == "winner.json"


def test_a_file_is_no_run_and_is_not_its_own_remedy(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").touch()
    with pytest.raises(RequestError, match="is a file, not a folder") as raised:
        find_run(str(tmp_path / "predictions.csv"))
    assert raised.value.mistakes[0].remedy == ""
