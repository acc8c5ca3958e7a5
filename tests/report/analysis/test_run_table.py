from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.core.errors import RequestError
from lab.report.analysis.groups import has_result
from lab.report.analysis.run_table import build_run_table
from lab.report.findings import COSTS, IDENTITY, OUTCOME, Runs
from lab.report.sources.run_folders import read

from ..conftest import MakeRun

OWN = RankingObjective(metric=None, mode=None)


def table(
    folder: Path, ranked_by: RankingObjective = OWN, allow_mixed: bool = False, repeats: tuple[str, ...] = ("seed",)
) -> Runs:
    return build_run_table(read([folder]), ranked_by, allow_mixed, repeats)


def test_a_row_a_run_and_what_varied(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in (1, 2):
        for rate in (1e-3, 1e-2):
            make_run(f"grid/{seed}-{rate}", config={"optimizer.lr": rate, "run_name": f"{seed}{rate}"}, seed=seed)
    runs = table(tmp_path)
    assert runs.varied == ("optimizer.lr",)
    assert runs.constant["model.name"] == "tiny"
    assert not {"seed", "run_name"} & {*runs.varied, *runs.constant}
    assert list(runs.frame.columns[: len(IDENTITY)]) == list(IDENTITY)
    assert {*OUTCOME, *COSTS} <= set(runs.frame.columns)
    assert sorted(runs.frame["run"]) == ["1-0.001", "1-0.01", "2-0.001", "2-0.01"]
    shared = runs.frame.groupby("configuration")["optimizer.lr"].nunique()
    assert shared.tolist() == [1, 1]
    assert runs.frame["peak_gpu_gib"].isna().all()


def test_keys_that_follow_from_a_name_do_not_count_as_varied(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", config={"model.name": "tiny", "model.layers": 2, "optimizer.lr": 1e-3, "model.dropout": 0.1})
    make_run("b", config={"model.name": "beto", "model.layers": 12, "optimizer.lr": 1e-5, "model.dropout": 0.1})
    make_run("c", config={"model.name": "beto", "model.layers": 12, "optimizer.lr": 1e-4, "model.dropout": 0.2})
    runs = table(tmp_path)
    assert set(runs.varied) == {"model.name", "model.dropout", "optimizer.lr"}
    assert "model.layers" in runs.frame


def test_repeats_are_what_the_config_says(make_run: MakeRun, tmp_path: Path) -> None:
    for draw in (0, 1):
        make_run(f"{draw}", config={"data.split.seed": draw})
    assert table(tmp_path).varied == ("data.split.seed",)
    runs = table(tmp_path, repeats=("seed", "data.split.seed"))
    assert runs.varied == ()
    assert runs.frame["configuration"].nunique() == 1
    assert runs.frame["repeat"].tolist() == ["1/0", "1/1"]


def test_a_seed_that_is_no_repeat_tells_configurations_apart(make_run: MakeRun, tmp_path: Path) -> None:
    for number, (seed, draw) in enumerate(((1, 1), (1, 2), (2, 1), (2, 2))):
        make_run(str(number), seed=seed, config={"data.split.seed": draw})
    runs = table(tmp_path, repeats=("data.split.seed",))
    assert runs.varied == ("seed",)
    assert runs.frame["seed"].tolist() == [1, 1, 2, 2]
    assert runs.frame["configuration"].tolist() == [0, 0, 1, 1]
    assert runs.frame.columns.is_unique


def test_a_key_that_is_called_like_a_column_keeps_its_values(make_run: MakeRun, tmp_path: Path) -> None:
    for number in (3, 4):
        make_run(str(number), config={"epochs": number})
    runs = table(tmp_path)
    assert (runs.varied, runs.frame["config.epochs"].tolist()) == (("config.epochs",), [3, 4])
    assert runs.frame["epochs"].tolist() == [3, 3]


def test_absolute_and_relative_folders_are_read_together(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        make_run(name)
    monkeypatch.chdir(tmp_path)
    runs = build_run_table(read([Path("a"), tmp_path / "b"]), OWN, False, ("seed",))
    assert runs.frame["run"].tolist() == ["a", "b"]


def test_a_run_without_a_config_is_in_the_table(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", config={"optimizer.lr": 0.5})
    make_run("b")
    make_run("c").config.unlink()
    runs = table(tmp_path)
    assert runs.varied == ("optimizer.lr",)
    assert np.isnan(runs.frame["optimizer.lr"].iloc[2])


def test_different_objectives_and_data_are_not_ranked_together(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a")
    make_run("b", metric="val/accuracy")
    make_run("c", fingerprint="bbbb2222")
    make_run("killed", fingerprint=None, status="interrupted")
    with pytest.raises(RequestError) as caught:
        table(tmp_path)
    problems = [mistake.problem for mistake in caught.value.mistakes]
    assert len(problems) == 2
    assert "val/f1_macro (max): 3, val/accuracy (max): 1" in problems[0]
    assert "maintenance aaaa1111: 2, maintenance bbbb2222: 1" in problems[1]
    runs = table(tmp_path, allow_mixed=True)
    assert len(runs.frame) == 4
    assert [warning.key for warning in runs.warnings] == ["mixed_objectives", "mixed_data"]
    assert runs.metric == "val/f1_macro"


def test_equal_data_under_other_names_is_one(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a")
    make_run("b", data={"name": "a copy", "fingerprint": "aaaa1111"})
    assert len(table(tmp_path).frame) == 2


def test_scores_on_rows_that_were_trained_on_choose_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("honest", (0.4, 0.5))
    make_run("fitted", (0.8, 0.9), config={"data.split.train_on_val": True}, test=0.6)
    runs = table(tmp_path)
    by_name = runs.frame.set_index("run")
    assert np.isnan(by_name.loc["fitted", "objective"])
    assert np.isnan(by_name.loc["fitted", "val/f1_macro"])
    assert by_name.loc["fitted", "test/f1_macro"] == 0.6
    assert has_result(runs).tolist() == [name == "honest" for name in runs.frame["run"]]
    assert [warning.key for warning in runs.warnings] == ["trained_on_val"]


def test_leave_one_out_runs_rank_with_held_out_ones_and_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    ridge = {"data.split.val": "auto", "model.kind": "minirocket", "model.head": "ridge"}
    make_run("ridge", config=ridge, data={"name": "maintenance", "fingerprint": "bbbb2222", "compared_as": "aaaa1111"})
    make_run("net", config={"data.split.val": "auto", "model.kind": "inception_time"})
    warnings = table(tmp_path).warnings
    assert [(warning.key, warning.values) for warning in warnings] == [("leave_one_out", {"num": 1, "total": 2})]


def test_refits_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("refit", config={"data.split.refit": True})
    make_run("plain", config={"data.split.refit": False})
    warnings = table(tmp_path).warnings
    assert [(warning.key, warning.values) for warning in warnings] == [("refit", {"num": 1, "total": 2})]


def test_another_objective_is_taken_at_the_checkpoint_that_was_tested(make_run: MakeRun, tmp_path: Path) -> None:
    """Its own best epoch, the last here, was never tested: all numbers of a row are of one checkpoint."""
    run = make_run("a", metrics={"val": {"f1_macro": 0.7, "loss": 0.4}, "test": {"f1_macro": 0.65, "loss": 0.45}})
    run.cut_history(0)
    for epoch, (f1, loss) in enumerate([(0.5, 0.3), (0.7, 0.4), (0.6, 0.2)]):
        run.append_history({"epoch": epoch, "step": epoch, "val/f1_macro": f1, "val/loss": loss})
    runs = table(tmp_path, RankingObjective(metric="val/loss", mode=None))
    assert (runs.metric, runs.goal) == ("val/loss", "minimize")
    assert runs.frame[["objective", "objective_epoch", "val/loss"]].iloc[0].tolist() == [0.4, 1, 0.4]
    with pytest.raises(
        RequestError, match=r"objective\.metric=val/lose: no run has a value.*val/f1_macro, val/loss"
    ) as caught:
        table(tmp_path, RankingObjective(metric="val/lose", mode=None))
    assert "try: objective.metric=val/loss" in str(caught.value)
    assert table(tmp_path).frame["objective"].tolist() == [0.7]


def test_a_test_metric_does_not_rank(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a")
    with pytest.raises(RequestError, match="spoils the test score"):
        table(tmp_path, RankingObjective(metric="test/f1_macro", mode=None))


def test_columns_agree_with_an_independent_reading(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in range(4):
        make_run(str(seed), (0.1 * seed, 0.2), seed=seed, test=0.1 + seed / 10)
    frame = table(tmp_path).frame
    records = pd.json_normalize(
        [pd.read_json(path, typ="series").to_dict() for path in sorted(tmp_path.glob("*/run.json"))]
    )
    for column, name in {
        "objective": "objective.value",
        "test/f1_macro": "metrics.test.f1_macro",
        "time_s": "timing_s.total",
        "parameters_trainable": "parameters.trainable",
    }.items():
        assert frame[column].tolist() == records[name].tolist()


def test_the_request_of_the_shipped_config_is_sound(ask: Callable[..., ReportRequest]) -> None:
    assert ask().statistics.repeats == ("seed", "data.split.fold")
