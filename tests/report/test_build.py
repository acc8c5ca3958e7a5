"""A whole report, and every number in its files recomputed from the raw ones with pandas alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import yaml

from lab.config.schema.report import ReportRequest
from lab.core.errors import RequestError, RunError
from lab.report import build as building
from lab.report.build import build, summary
from lab.report.findings import Report

from .conftest import MakeRun
from .sources.test_drift import content, subject
from .sources.test_run_folders import write_grid

Ask = Callable[..., ReportRequest]


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has tests of its own, and takes seconds."""
    monkeypatch.setattr(building.page, "write", lambda report, words: None)


@pytest.fixture
def folder(make_run: MakeRun, tmp_path: Path) -> Path:
    """A grid of 20 cells, of which 17 left a folder: 15 ended well, one failed, one is half written."""
    rates = (1e-4, 1e-3, 1e-2, 1e-1)
    number = 0
    for rate in rates:
        for seed in (1, 2, 3, 4, 5):
            if number < 17:
                value = 0.6 + np.log10(rate) / 50 + (seed * 7 % 5) / 100
                make_run(
                    f"grid/{number}", (0.3, value, value - 0.01), seed=seed, test=value - 0.03,
                    config={"optimizer.lr": rate}, status="failed" if number == 4 else "completed",
                    sweep={"study": "grid", "trial": number},
                )  # fmt: skip
            number += 1
    write_grid(tmp_path / "grid", [f"optimizer.lr={','.join(map(str, rates))}", "seed=1,2,3,4,5"])
    (tmp_path / "grid" / "16" / "run.json").write_text('{"schema')
    return tmp_path / "grid"


@pytest.fixture
def report(folder: Path, tmp_path: Path, ask: Ask) -> Report:
    request = ask(runs=str(folder), output=str(tmp_path / "report"), log=str(tmp_path / "EXPERIMENTS.md"), aim="Rates")
    return build(request, "python report.py runs=grid")


def raw(folder: Path) -> pd.DataFrame:
    """The runs as their files say, without lab."""
    rows = []
    for path in folder.glob("[0-9]*"):
        try:
            record = json.loads((path / "run.json").read_text())
        except ValueError:
            continue
        row = pd.json_normalize(record).iloc[0].to_dict()
        rows.append(
            row | {"path": str(path), "lr": yaml.safe_load((path / "config.yaml").read_text())["optimizer"]["lr"]}
        )
    return pd.DataFrame(rows).set_index("path")


def test_every_number_of_the_files_comes_from_the_records(report: Report, folder: Path, tmp_path: Path) -> None:
    theirs = raw(folder)
    table = pd.read_csv(tmp_path / "report" / "runs.csv").set_index("path")
    assert sorted(table.index) == sorted(theirs.index)
    names = {
        "objective": "objective.value", "test/f1_macro": "metrics.test.f1_macro", "time_s": "timing_s.total",
        "core_s": "timing_s.cpu", "peak_rss_gib": "memory.peak_rss_gib",
        "majority/f1_macro": "baselines.majority.test.f1_macro",
        "majority_val/f1_macro": "baselines.majority.val.f1_macro", "parameters_trainable": "parameters.trainable",
        "optimizer.lr": "lr", "seed": "seed",
    }  # fmt: skip
    for column, name in names.items():
        own = theirs.loc[table.index, name].astype(float)
        assert np.array_equal(table[column], own, equal_nan=True)
    stats = pd.read_csv(tmp_path / "report" / "stats_per_group.csv").set_index(["by", "group", "number"])
    for rate, own in theirs[theirs["status"] == "completed"].groupby("lr"):
        for by in ("optimizer.lr", "configuration"):
            for number, name in (("objective", "objective.value"), ("time_s", "timing_s.total")):
                row, values = stats.loc[(by, f"lr={rate:.4g}", number)], own[name].astype(float)
                expected = [len(values), values.mean(), values.std(), values.min(), values.max()]
                own_row = row[["count", "mean", "sd", "min", "max"]].tolist()
                assert own_row == pytest.approx(expected, nan_ok=True)
                half = scipy.stats.t.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values))
                interval = row[["interval_low", "interval_high"]].astype(float).tolist()
                assert interval == pytest.approx([values.mean() - half, values.mean() + half], nan_ok=True)
    best = pd.read_csv(tmp_path / "report" / "best_per_group.csv").set_index(["by", "group"])
    for rate, own in theirs.groupby("lr"):
        assert best.loc[("optimizer.lr", f"lr={rate:.4g}"), "path"] == own["objective.value"].astype(float).idxmax()
    pairs = pd.read_csv(tmp_path / "report" / "comparison.csv").set_index("group")
    good = theirs[theirs["status"] == "completed"].astype({"objective.value": float})
    by_seed = good.pivot_table("objective.value", "seed", "lr")
    by_seed = by_seed[by_seed.columns[by_seed.notna().sum() > 1]]
    top = by_seed.mean().idxmax()
    for rate in by_seed.columns.drop(top):
        both = by_seed[[rate, top]].dropna()
        row = pairs.loc[f"lr={rate:.4g}"]
        assert row["num_pairs"] == len(both)
        assert row["difference"] == pytest.approx((both[rate] - both[top]).mean())


def test_cells_that_never_started_are_counted_and_exclusions_shown(report: Report, tmp_path: Path) -> None:
    assert report.counts == {"completed": 15, "failed": 1, "excluded": 1, "not_started": 3, "expected": 20}
    text = (tmp_path / "report" / "report.md").read_text()
    assert "16 of 20 runs: 15 completed, 1 failed, 1 excluded, 3 never started." in text
    assert "grid/16: run.json is incomplete" in text
    assert "| 4 | failed |" not in text
    assert report.leaderboard[-1] == 4


def test_the_winner_is_the_best_run_and_can_be_retrained(report: Report, folder: Path, tmp_path: Path) -> None:
    assert report.winner is not None
    best = raw(folder)["objective.value"].astype(float).idxmax()
    assert report.runs.frame["path"].iloc[report.winner.row] == best
    assert (tmp_path / "report" / "experiment" / "best.yaml").is_file()
    lines = list(summary(report, "en"))
    assert lines[0] == "16 of 20 runs: 15 completed, 1 failed, 1 excluded, 3 never started"
    assert report.winner.retrain in [line.strip() for line in lines]


def test_an_entry_is_appended_to_the_log(report: Report, folder: Path, tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "EXPERIMENTS.md"
    first = path.read_text()
    assert "Rates" in first
    assert "optimizer.lr = 0.0001, 0.001, 0.01, 0.1" in first
    boxes = [line for line in first.splitlines() if line.startswith("- [")]
    assert [line[3] for line in boxes] == ["x", "x", "x", " ", "x", " "]
    build(ask(runs=str(folder), output=str(tmp_path / "report"), log=str(path), lang="es"), "again")
    second = path.read_text()
    assert second.startswith(first)
    assert "**Objetivo**" in second[len(first) :]


def test_a_folder_that_holds_something_else_is_not_written_into(folder: Path, tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(RequestError, match="is not a report"):
        build(ask(runs=str(folder), output=str(tmp_path / "mine")), "")
    with pytest.raises(RequestError, match="is a file"):
        build(ask(runs=str(folder), output=str(tmp_path / "mine" / "thesis.tex")), "")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("kind", ["empty", "without", "bad", "missing", "file", "none"])
def test_nothing_to_report_on_is_one_clear_message(kind: str, tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "without" / "sub").mkdir(parents=True)
    (tmp_path / "bad" / "run").mkdir(parents=True)
    (tmp_path / "bad" / "run" / "run.json").write_text("{")
    (tmp_path / "file").write_text("")
    given = [] if kind == "none" else [str(tmp_path / kind)]
    with pytest.raises(RequestError) as caught:
        build(ask(runs=given, output=str(tmp_path / "report")), "")
    assert len(caught.value.mistakes) == 1
    assert caught.value.mistakes[0].key == "runs"
    assert ("run.json is incomplete" in str(caught.value)) == (kind == "bad")
    assert not (tmp_path / "report").exists()


def test_a_full_disk_is_one_message(folder: Path, tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building.csv_tables, "write", full)
    with pytest.raises(RunError, match="No space left on device"):
        build(ask(runs=str(folder), output=str(tmp_path / "report")), "")


def test_a_wrong_key_leaves_nothing_behind(folder: Path, tmp_path: Path, ask: Ask) -> None:
    with pytest.raises(RequestError, match="no run has this config key"):
        build(ask(runs=str(folder), output=str(tmp_path / "report"), group_by="optimizer.lrr"), "")
    assert not (tmp_path / "report").exists()


def test_switches_of_the_request_act(folder: Path, tmp_path: Path, ask: Ask) -> None:
    one = build(
        ask(runs=str(folder), output=str(tmp_path / "one"), top_k=2, group_by="optimizer.lr", baseline="lr=0.001"), ""
    )
    assert one.comparison.baseline == "lr=0.001"
    assert [groups.by for groups in one.groups] == [("optimizer.lr",)]
    leaders = (tmp_path / "one" / "report.md").read_text().split("## Leaderboard")[1].split("##")[0]
    assert leaders.count("completed") == 2
    other = build(
        ask(runs=str(folder), output=str(tmp_path / "other"), statistics__most_groups=3, what_if=[], lang="es"), ""
    )
    assert other.what_if == ()
    assert len(other.groups[0].groups) < 4
    assert "## Ganadora" in (tmp_path / "other" / "report.md").read_text()


def test_drift_files_are_shown_and_a_damaged_one_is_refused_first(folder: Path, tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "new.csv.drift.json"
    path.write_text(json.dumps(content(subject("unknown tokens", "large", 0.5))))
    report = build(ask(runs=[str(folder)], output=str(tmp_path / "report"), drift=[str(path)], lang="es"), "report.py")
    assert [each.path for each in report.drift] == [str(path)]
    assert "1 de 1 aspectos cambiaron: unknown tokens" in (tmp_path / "report" / "report.md").read_text()
    path.write_text("[]")
    with pytest.raises(RequestError, match="drift"):
        build(ask(runs=[str(folder)], output=str(tmp_path / "other"), drift=[str(path)]), "report.py")
    assert not (tmp_path / "other").exists()
