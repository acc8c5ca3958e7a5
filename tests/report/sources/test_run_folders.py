import json
from pathlib import Path

import pytest
import yaml

from lab.core.locks import sole
from lab.core.record.fields import SCHEMA_VERSION
from lab.core.record.run_folder import UNENDED, StudyFolder
from lab.report.findings import Exclusion
from lab.report.sources.run_folders import SourceRuns, read

from ..conftest import MakeRun, write_run


def reasons(reading: SourceRuns) -> dict[str, str]:
    return {Path(one.path).name: one.reason.key for one in reading.exclusions}


def test_every_status_is_read(make_run: MakeRun, tmp_path: Path) -> None:
    for status in ("completed", "early_stopped", "terminated", "failed", "interrupted"):
        make_run(status, status=status)
    runs = read([tmp_path]).runs
    assert sorted(run.values["status"] for run in runs) == [
        "completed", "early_stopped", "failed", "interrupted", "terminated",
    ]  # fmt: skip
    assert all(("objective" in run.values) == (run.values["status"] not in ("failed", "interrupted")) for run in runs)


def test_a_run_is_running_as_long_as_its_folder_is_locked(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("live", status="running")
    with sole(run.lock):
        assert [run.values["status"] for run in read([tmp_path]).runs] == ["running"]
    (killed,) = read([tmp_path]).runs
    assert (killed.values["status"], killed.values["reason"]) == ("interrupted", UNENDED)


def test_values_are_those_of_the_record(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("one", (0.5, 0.7, None), train=(0.6, 0.8, 0.9))
    (result,) = read([tmp_path]).runs
    record = json.loads((run.path / "run.json").read_text())
    assert result.values["objective"] == record["objective"]["value"] == 0.7
    assert result.values["test/f1_macro"] == 0.65
    assert result.values["majority/f1_macro"] == 0.2
    assert result.values["core_s"] == 19.5
    assert result.values["epochs"] == 3
    assert "peak_gpu_gib" not in result.values
    assert result.config["optimizer.lr"] == 1e-3
    assert result.history["val/f1_macro"].tolist()[:2] == [0.5, 0.7]
    assert result.history["val/f1_macro"][2] != result.history["val/f1_macro"][2]


def test_core_seconds_of_a_resumed_run_are_not_known(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one", resumed=[{"command": "python train.py resume=x", "at": "now"}])
    assert "core_s" not in read([tmp_path]).runs[0].values


def test_the_objective_of_one_head_keeps_its_curve(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one", metric="val/causa/f1_macro")
    assert read([tmp_path]).runs[0].history["val/causa/f1_macro"].tolist() == [0.5, 0.7, 0.6]


def test_what_cannot_be_read_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("good")
    bad = {
        "half": '{"schema_version": 1, "sta',
        "foreign": '{"loss": 1}',
        "list": "[1, 2]",
        "version": json.dumps({"schema_version": SCHEMA_VERSION + 1, "status": "completed"}),
        "status": json.dumps({"schema_version": SCHEMA_VERSION, "status": "done"}),
        "empty": "",
        "objective": json.dumps({"schema_version": SCHEMA_VERSION, "status": "completed", "objective": None}),
        "metrics": json.dumps(
            {
                "schema_version": 1,
                "status": "failed",
                "objective": {"metric": "val/f1"},
                "metrics": {"val": {"f1": "x"}},
            }
        ),
    }
    for name, text in bad.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "run.json").write_bytes(b'{"reason": "\xe1"}')
    (tmp_path / "refused" / ".hydra").mkdir(parents=True)
    result = read([tmp_path])
    assert [Path(run.path).name for run in result.runs] == ["good"]
    assert reasons(result) == {
        "half": "excluded_half_written",
        "empty": "excluded_half_written",
        "latin": "excluded_half_written",
        "foreign": "excluded_foreign",
        "list": "excluded_foreign",
        "status": "excluded_foreign",
        "objective": "excluded_foreign",
        "metrics": "excluded_foreign",
        "version": "excluded_version",
        "refused": "excluded_without_record",
    }


def test_a_damaged_history_or_config_keeps_its_run(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("one")
    (run.path / "history.jsonl").write_text('{"epoch": 0}\nrubbish\n')
    run.config.write_text("a: [1")
    result = read([tmp_path])
    assert len(result.runs) == 1
    assert result.runs[0].values["epochs"] == 0
    assert [one.key for one in result.warnings] == ["config_unread", "history_unread"]


def test_texts_that_are_the_same_only_when_masked_are_no_leak(make_run: MakeRun, tmp_path: Path) -> None:
    leaks = {"test": {"same_share": 0.02, "masked_share": 0.2}, "val": {"same_share": 0.0, "masked_share": 0.3}}
    make_run("one", data={"name": "m", "leaks": leaks})
    assert read([tmp_path]).runs[0].values["data/leak_share"] == 0.02


def test_a_run_that_is_named_twice_counts_once(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("a/1")
    make_run("a/2")
    assert len(read([run.path, tmp_path, tmp_path / "a"]).runs) == 2


def test_a_sweep_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    """Its cells that never started, and what was left out of it, too."""
    write_grid(tmp_path / "grid", ["seed=1,2,3"])
    write_run(tmp_path / "grid" / "0")
    (tmp_path / "grid" / "1" / ".hydra").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "grid")
    result = read([tmp_path / "grid", tmp_path / "grid", tmp_path / "link", tmp_path / "grid" / ".." / "grid"])
    assert (len(result.runs), len(result.sweeps), len(result.exclusions)) == (1, 1, 1)


def write_grid(folder: Path, overrides: list[str], sweeper: dict[str, object] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    hydra = {"sweeper": sweeper or {"_target_": "basic"}, "overrides": {"task": overrides}}
    (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": hydra}))


@pytest.mark.parametrize(
    ("overrides", "sweeper", "expected"),
    [
        (["optimizer.lr=1e-5,2e-5,3e-5,4e-5", "seed=1,2,3,4,5", "model=tiny"], None, 20),
        (["seed=range(1,6)", "'data.text=[a,b]'".strip("'")], None, 5),
        (["optimizer.lr=interval(1e-5,1e-3)"], {"n_trials": 12}, 12),
    ],
)  # fmt: skip
def test_cells_of_a_grid_that_never_started_are_counted(
    tmp_path: Path, overrides: list[str], sweeper: dict[str, object] | None, expected: int
) -> None:
    write_grid(tmp_path / "grid", overrides, sweeper)
    for number in range(3):
        write_run(tmp_path / "grid" / str(number))
    (tmp_path / "grid" / "3" / ".hydra").mkdir(parents=True)
    result = read([tmp_path])
    (sweep,) = result.sweeps
    assert (sweep.kind, sweep.name, sweep.expected, sweep.started) == ("grid", "grid", expected, 3)
    assert [run.values["study"] for run in result.runs] == ["grid"] * 3
    assert reasons(result) == {"3": "excluded_without_record"}


def test_a_study_has_its_total_and_what_it_confirmed(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "lr")
    folder.path.mkdir()
    folder.write_study({"study": "lr", "total": 6, "objective": {"primary_metric": "val/loss", "goal": "minimize"}})
    folder.write_summary(
        {"confirmed": [{"trial": 1, "seeds": [43, 44], "values": [0.5, 0.7], "mean": 0.6, "ci95": 1.27}]}
    )
    for name in ("0", "1", "confirm/1-43"):
        write_run(folder.path / name, sweep={"study": "x", "trial": 1})
    write_run(folder.path / ".cut" / "2-1")
    result = read([tmp_path])
    (sweep,) = result.sweeps
    assert (sweep.kind, sweep.expected, sweep.started) == ("study", 6, 2)
    assert (sweep.confirmed, sweep.metric, sweep.goal) == ({1: (0.6, 1.27, 2)}, "val/loss", "minimize")
    assert [run.values["study"] for run in result.runs] == ["lr", "lr", "lr, confirmed"]
    assert len(result.runs) == 3


@pytest.mark.parametrize(
    "text", ["a: [1", "hydra: {sweeper: 3}", "[]", "hydra: {sweeper: {}, overrides: {task: ['a=(']}}"]
)
def test_a_sweep_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    write_run(tmp_path / "grid" / "0")
    (tmp_path / "grid" / "multirun.yaml").write_text(text)
    result = read([tmp_path])
    assert len(result.runs) == 1
    assert isinstance(result.exclusions[0], Exclusion)
    assert result.exclusions[0].reason.key == "excluded_sweep"


@pytest.mark.parametrize(
    ("requested", "shown"),
    [
        ({}, "auto"),
        ({"trainer.precision": {"requested": "auto", "used": "32-true"}}, 32),
        ({"trainer.precision": {"requested": "auto", "used": "bf16-mixed"}}, "bf16"),
        ({"trainer.precision": {"used": "foreign"}}, "auto"),
        ({"trainer.precision": "foreign"}, "auto"),
        (["foreign"], "auto"),
    ],
)
def test_the_precision_of_a_run_is_the_one_that_ran(
    make_run: MakeRun, tmp_path: Path, requested: object, shown: object
) -> None:
    """Else runs of `auto` that came to bf16 here and to fp32 there would pass as one configuration."""
    make_run("one", config={"trainer.precision": "auto"}, requested=requested)
    assert read([tmp_path]).runs[0].config["trainer.precision"] == shown


def test_one_precision_has_one_name(make_run: MakeRun, tmp_path: Path) -> None:
    for number, typed in enumerate((32, "32", "32-true")):
        make_run(str(number), config={"trainer.precision": typed})
    assert {run.config["trainer.precision"] for run in read([tmp_path]).runs} == {32}


def test_rates_and_batches_that_were_found_are_those_of_the_run(make_run: MakeRun, tmp_path: Path) -> None:
    requested = {
        "optimizer.lr": {"requested": 1e-3, "used": 0.08},
        "optimizer.head_lr": {"requested": 1e-2, "used": 0.8},
    }
    requested["data.batch_size"] = {"requested": 32, "used": 256}
    make_run("one", config={"data.batch_size": 32, "optimizer.head_lr": 1e-2}, requested=requested)
    (run,) = read([tmp_path]).runs
    assert (run.config["optimizer.lr"], run.config["data.batch_size"]) == (0.08, 256)
    assert run.config["optimizer.head_lr"] == 0.8
    assert run.requested == {"optimizer.lr": 1e-3, "optimizer.head_lr": 1e-2, "data.batch_size": 32}
