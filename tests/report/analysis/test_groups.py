from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.core.errors import RequestError
from lab.core.record.run_folder import StudyFolder
from lab.report.analysis.groups import binned, configurations, group_by_keys, group_label, groups_by_keys
from lab.report.analysis.run_table import build_run_table
from lab.report.findings import Runs
from lab.report.sources.run_folders import read

from ..conftest import MakeRun, write_run


@pytest.fixture
def runs(make_run: MakeRun, tmp_path: Path) -> Runs:
    """Two models, two rates, three seeds; one run failed. tiny is better by .1, the higher rate by .01."""
    for model, height in (("tiny", 0.8), ("ngram", 0.7)):
        for rate, more in ((1e-3, 0.0), (1e-2, 0.01)):
            for seed in (1, 2, 3):
                value = height + more + seed / 1000
                failed = (model, rate, seed) == ("ngram", 1e-2, 3)
                make_run(
                    f"{model}-{rate}-{seed}", (0.1, value), seed=seed, test=value - 0.05,
                    config={"model.name": model, "optimizer.lr": rate}, status="failed" if failed else "completed",
                )  # fmt: skip
    return build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))


def test_groups_by_each_key_are_what_pandas_says(runs: Runs, ask: Callable[..., ReportRequest]) -> None:
    result = groups_by_keys(runs, (), ask().statistics)
    assert [groups.by for groups in result] == [("model.name",), ("optimizer.lr",)]
    good = runs.frame[runs.frame["status"] == "completed"]
    for groups in result:
        theirs = good.groupby(groups.by[0])
        for column in ("objective", "test/f1_macro", "time_s"):
            expected = theirs[column].agg(["count", "mean", "std", "min", "max"])
            for group in groups.groups:
                stat = group.stats[column]
                own = [stat.num, stat.mean, stat.sd, stat.low, stat.high]
                assert own == pytest.approx(expected.loc[group.keys[groups.by[0]]].tolist())
    assert [group.label for group in result[0].groups] == ["tiny", "ngram"]
    assert [len(group.failed) for group in result[0].groups] == [0, 1]


def test_seeds_of_one_configuration_are_one_row(runs: Runs, ask: Callable[..., ReportRequest]) -> None:
    groups = configurations(runs, ask().statistics).groups
    assert [group.label for group in groups] == [
        "model=tiny lr=0.01", "model=tiny lr=0.001", "model=ngram lr=0.01", "model=ngram lr=0.001",
    ]  # fmt: skip
    assert [group.stats["objective"].num for group in groups] == [3, 3, 2, 3]
    assert groups[0].best == runs.frame["objective"].idxmax()


def test_keys_asked_for_together_and_alone_and_by_their_short_name(
    runs: Runs, ask: Callable[..., ReportRequest]
) -> None:
    result = groups_by_keys(runs, ("model", "optimizer.lr"), ask().statistics)
    assert [groups.by for groups in result] == [("model.name", "optimizer.lr"), ("model.name",), ("optimizer.lr",)]
    assert len(result[0].groups) == 4
    (constant,) = groups_by_keys(runs, ("trainer.max_epochs",), ask().statistics)
    assert [(group.label, len(group.rows)) for group in constant.groups] == [("max_epochs=2", 11)]


def test_a_key_that_no_run_has_is_refused_with_the_nearest(runs: Runs, ask: Callable[..., ReportRequest]) -> None:
    with pytest.raises(RequestError, match=r"the nearest is optimizer\.lr"):
        groups_by_keys(runs, ("optimiser.lr",), ask().statistics)


def test_a_minimised_objective_sorts_and_picks_the_lowest(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    for number, value in enumerate((0.5, 0.3, 0.4)):
        make_run(str(number), (value,), metric="val/loss", mode="min", config={"optimizer.lr": 0.1 * number})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    groups = group_by_keys(runs, ["optimizer.lr"], ask().statistics).groups
    assert [group.stats["objective"].mean for group in groups] == [0.3, 0.4, 0.5]
    assert groups[0].best == 1


def test_a_group_without_a_result_comes_last(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("a", config={"optimizer.lr": 1.0}, status="failed")
    make_run("b", config={"optimizer.lr": 2.0})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    first, last = group_by_keys(runs, ["optimizer.lr"], ask().statistics).groups
    assert (first.rows, last.rows, last.failed, last.best) == ((1,), (), (0,), None)
    assert last.stats["objective"].num == 0


def test_a_number_with_many_values_is_cut_into_quarters() -> None:
    values = pd.Series(np.arange(100) / 100)
    quarters = binned(values, 12)
    assert quarters.nunique() == 4
    assert quarters.value_counts().tolist() == [25, 25, 25, 25]
    assert quarters.iloc[0].startswith("0..")
    assert binned(values, 100).tolist() == values.tolist()
    assert binned(pd.Series(["a", "b"] * 50), 1).nunique() == 2


def test_confirmation_runs_stand_for_their_configuration_and_in_no_other_group(
    tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    """They repeat the best cell alone: in a group by model they would count it six times."""
    study = StudyFolder(tmp_path / "lr")
    study.path.mkdir()
    study.write_study({"study": "lr", "total": 4})
    for number, (model, value) in enumerate((("tiny", 0.9), ("tiny", 0.6), ("ngram", 0.5), ("ngram", 0.7))):
        config = {"model.name": model, "optimizer.lr": 1.0 + number % 2}
        write_run(study.path / str(number), (value,), config=config, status="failed" if number == 2 else "completed")
    for seed, value in ((43, 0.7), (44, 0.8)):
        config = {"model.name": "tiny", "optimizer.lr": 1.0}
        write_run(study.path / "confirm" / f"0-{seed}", (value,), seed=seed, config=config)
    write_run(study.path / "confirm" / "3-43", (0.1,), seed=43, config={"model.name": "ngram", "optimizer.lr": 2.0},
              status="failed")  # fmt: skip
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    tiny, ngram = group_by_keys(runs, ["model.name"], ask().statistics).groups
    assert (tiny.label, tiny.stats["objective"].num, tiny.stats["objective"].mean) == ("tiny", 2, 0.75)
    assert (ngram.label, ngram.stats["objective"].num, len(ngram.failed)) == ("ngram", 1, 1)
    result = {one.label: one.stats["objective"] for one in configurations(runs, ask().statistics).groups}
    best = result["model=tiny lr=1"]
    assert (best.num, best.mean, best.high) == (2, 0.75, 0.8), "the run it was chosen by is not among them"
    assert result["model=ngram lr=2"].mean == 0.7, "where confirmation failed, the run itself is all there is"


def test_a_rate_that_is_found_anew_under_each_seed_makes_no_configuration(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    for seed, rate in ((1, 0.08), (2, 0.09)):
        make_run(str(seed), seed=seed, requested={"optimizer.lr": {"requested": 1e-3, "used": rate}})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    assert runs.frame["optimizer.lr"].tolist() == [0.08, 0.09]
    (group,) = configurations(runs, ask().statistics).groups
    assert (group.label, group.stats["objective"].num) == ("0.08..0.09", 2)


def test_groups_of_near_numbers_have_labels_of_their_own(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    for number, rate in enumerate((0.00010001, 0.00010004, 0.3)):
        make_run(str(number), config={"optimizer.lr": rate})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    groups = group_by_keys(runs, ["optimizer.lr"], ask().statistics).groups
    assert [group.label for group in groups] == ["lr=0.00010001", "lr=0.00010004", "lr=0.3"]


def test_quarters_of_a_narrow_range_are_apart() -> None:
    quarters = binned(pd.Series(range(10001, 10041)), 12)
    assert quarters.nunique() == 4
    assert quarters.unique().tolist() == [
        "1e+04..1.001e+04", "1.001e+04..1.002e+04", "1.002e+04..1.003e+04", "1.003e+04..1.004e+04",
    ]  # fmt: skip


def test_labels() -> None:
    assert group_label({"model.name": "beto"}) == "beto"
    assert group_label({"optimizer.lr": 3e-05}) == "lr=3e-05"
    assert group_label({"model.name": None, "callbacks.freeze.embeddings": True}) == "model=- embeddings=true"
    assert group_label({}) == "-"
