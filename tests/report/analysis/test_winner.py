from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.core.record.run_folder import StudyFolder
from lab.report.analysis.groups import configurations
from lab.report.analysis.run_table import build_run_table
from lab.report.analysis.winner import describe_winner, leaderboard
from lab.report.findings import Runs, Winner
from lab.report.sources.run_folders import read
from lab.report.text.translate import translate
from lab.sweep.study.results import confirmed_trial as of_seeds

from ..conftest import MakeRun, write_run

Won = Callable[[Path], tuple[Winner | None, Runs]]


@pytest.fixture
def won(tmp_path_factory: pytest.TempPathFactory, ask: Callable[..., ReportRequest]) -> Won:
    def judge(folder: Path) -> tuple[Winner | None, Runs]:
        runs = build_run_table(read([folder]), RankingObjective(metric=None, mode=None), False, ("seed",))
        groups = configurations(runs, ask().statistics)
        return describe_winner(runs, groups, leaderboard(runs), tmp_path_factory.mktemp("report"), True), runs

    return judge


def confirmed_study(folder: StudyFolder, confirmed: dict[int, dict[int, float]]) -> None:
    """A study of F1 with the values of its confirmed trials by seed."""
    folder.path.mkdir()
    folder.write_study(
        {"study": folder.path.name, "total": 2, "objective": {"primary_metric": "val/f1_macro", "goal": "maximize"}}
    )
    confirmations = [vars(of_seeds(trial, list(values), list(values.values()))) for trial, values in confirmed.items()]
    folder.write_summary({"confirmed": confirmations})


def test_the_best_on_validation_wins_whatever_the_test_says(make_run: MakeRun, tmp_path: Path, won: Won) -> None:
    make_run("a", (0.5, 0.8, 0.7), test=0.1, config={"optimizer.lr": 1.0})
    make_run("b", (0.7,), test=0.9, config={"optimizer.lr": 2.0})
    make_run("ended", (0.79,), status="terminated", config={"optimizer.lr": 3.0})
    make_run("failed", (0.99,), status="failed", config={"optimizer.lr": 4.0})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert winner.row == 0
    assert [runs.frame["run"].iloc[row] for row in leaderboard(runs)] == ["a", "ended", "b", "failed"]
    texts = [translate(sentence, "en") for sentence in winner.sentences]
    assert texts[0] == "Chosen on validation: run a, val/f1_macro 0.8000 at epoch 2."
    assert texts[-1] == "Reported on test, which did not influence the choice: f1_macro 0.1000."
    assert winner.command == "python train.py optimizer.lr=1.0 seed=1"


def test_the_recipe_is_written_and_its_options_are_named(make_run: MakeRun, tmp_path: Path, won: Won) -> None:
    data = {"name": "m", "fingerprint": "f", "split": {"drawn": ["val", "test"]}}
    config, command = {"data.max_rows.train": 500, "data.max_rows.val": None}, "python ../lab/train.py seed=1"
    make_run("a", (0.5, 0.8, 0.7), config=config, data=data, command=command)
    winner, _ = won(tmp_path)
    assert winner is not None
    assert winner.retrain is not None
    assert winner.retrain.startswith("python ../lab/train.py --config-dir "), "the script as it was typed"
    folder = winner.retrain.split()[3]
    best = yaml.safe_load((Path(folder) / "experiment" / "best.yaml").read_text())
    assert best["optimizer"]["lr"] == 1e-3
    assert winner.options == {
        "all_rows": f"{winner.retrain} data.max_rows.train=null",
        "train_val": f"{winner.retrain} trainer.max_epochs=2 data.split.train_on_val=true "
        "callbacks.early_stopping.patience=null data.max_rows.train=null",
    }


def test_without_hydras_files_there_is_no_recipe_and_that_is_said(make_run: MakeRun, tmp_path: Path, won: Won) -> None:
    run = make_run("a")
    (run.path / ".hydra" / "hydra.yaml").unlink()
    winner, _ = won(tmp_path)
    assert winner is not None
    assert winner.retrain is None
    assert winner.sentences[-1].key == "winner_without_recipe"


def test_where_all_have_seeds_the_best_mean_wins_over_a_lucky_seed(make_run: MakeRun, tmp_path: Path, won: Won) -> None:
    for rate, values in ((1.0, (0.9, 0.2)), (2.0, (0.7, 0.75))):
        for seed, value in enumerate(values):
            make_run(f"{rate}-{seed}", (value,), seed=seed, config={"optimizer.lr": rate})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "2.0-1"
    assert translate(winner.sentences[0], "en").startswith(
        "Chosen on validation by its mean over 2 seeds: val/f1_macro 0.7250 [0.4073, 1.0000]"
    )
    make_run("3.0", (0.8,), config={"optimizer.lr": 3.0})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "1.0-0"


def test_a_study_that_confirmed_its_best_has_the_confirmed_winner(tmp_path: Path, won: Won) -> None:
    folder = StudyFolder(tmp_path / "lr")
    confirmed_study(folder, {0: {43: 0.6, 44: 0.6}, 1: {43: 0.64, 44: 0.66}})
    write_run(folder.path / "0", (0.9,), config={"optimizer.lr": 1.0})
    write_run(folder.path / "1", (0.8,), config={"optimizer.lr": 2.0})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "1"
    assert "over 2 seeds: val/f1_macro 0.6500 [0.5229, 0.7771]" in translate(winner.sentences[0], "en")
    write_run(tmp_path / "weak", (0.64,), config={"optimizer.lr": 3.0})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "lr/1"
    write_run(tmp_path / "strong", (0.66,), config={"optimizer.lr": 4.0})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "strong"


def test_a_configuration_confirmed_under_fewer_seeds_does_not_win_by_a_lucky_one(tmp_path: Path, won: Won) -> None:
    folder = StudyFolder(tmp_path / "lr")
    confirmed_study(folder, {0: {43: 0.9}, 1: {43: 0.64, 44: 0.66}})
    write_run(folder.path / "0", (0.9,), config={"optimizer.lr": 1.0})
    write_run(folder.path / "1", (0.8,), config={"optimizer.lr": 2.0})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "1"


def test_confirmed_means_of_another_metric_choose_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, ask: Callable[..., ReportRequest]
) -> None:
    """By a loss that is minimised the lowest of the means of F1 would be the winner."""
    folder = StudyFolder(tmp_path / "lr")
    confirmed_study(folder, {0: {43: 0.9, 44: 0.9}, 1: {43: 0.6, 44: 0.6}})
    for trial, loss in enumerate((0.5, 1.5)):
        scores = {"val": {"f1_macro": 0.8, "loss": loss}, "test": {"loss": loss}}
        write_run(folder.path / str(trial), (0.8,), config={"optimizer.lr": float(trial)}, metrics=scores)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric="val/loss", mode=None), False, ("seed",))
    groups = configurations(runs, ask().statistics)
    winner = describe_winner(runs, groups, leaderboard(runs), tmp_path_factory.mktemp("report"), True)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "0"
    texts = [translate(sentence, "en") for sentence in winner.sentences]
    assert texts[0] == "Chosen on validation: run 0, val/loss 0.5000 at epoch 1."
    assert "another metric or goal (lr: val/f1_macro (maximize)) and did not influence" in texts[1]


def test_no_result_no_winner(make_run: MakeRun, tmp_path: Path, won: Won) -> None:
    make_run("a", status="failed")
    assert won(tmp_path)[0] is None


def test_a_loss_is_won_by_the_lowest(make_run: MakeRun, tmp_path: Path, won: Won) -> None:
    for name, value in (("a", 0.5), ("b", 0.4)):
        make_run(name, (value,), metric="val/loss", mode="min", config={"optimizer.lr": value})
    winner, runs = won(tmp_path)
    assert winner is not None
    assert runs.frame["run"].iloc[winner.row] == "b"
