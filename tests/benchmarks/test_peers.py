"""The comparison with peers: its rows, its commands, what it measures, and its tables in the pages."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.peers import table
from benchmarks.peers.contestants import CONTESTANTS, TYPED
from benchmarks.peers.features import FEATURES, PEERS, look
from benchmarks.peers.rows import Rows, prepare
from benchmarks.peers.search import LAB
from benchmarks.peers.working import Bench, labels, last_line, ran, score
from lab.cli.command_line import parse
from lab.cli.validate_overrides import mistakes
from lab.config.check import check

ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with the files that a command names."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.csv").write_text("text,category\nx,a\n", encoding="utf-8")


def wrong_keys(words: Sequence[str]) -> Sequence[str]:
    """The keys of the mistakes of a `train.py` command, program first."""
    return [mistake.key for mistake in mistakes(parse(words), ROOT / "conf", "config", check)]


@pytest.mark.usefixtures("files")
def test_what_is_typed_for_lab_is_a_sound_request_and_the_misspelt_one_is_not() -> None:
    train, misspelt = (
        shlex.split(CONTESTANTS["lab_minilm"].command(kind, False))[1:] for kind in ("train", "misspelt")
    )
    assert wrong_keys(train) == []
    assert wrong_keys(misspelt) == ["optimizer.lrr"]


@pytest.mark.parametrize("name", CONTESTANTS)
@pytest.mark.parametrize("quick", [True, False])
def test_every_command_is_filled_in_and_the_misspelt_name_is_in_it(name: str, quick: bool) -> None:
    contestant = CONTESTANTS[name]
    for kind in ("train", "predict", "misspelt", "resume"):
        assert "{" not in contestant.command(kind, quick)
    assert contestant.wrong in contestant.command("misspelt", quick)
    assert contestant.wrong not in contestant.command("train", quick)


def test_lines_are_those_of_files_and_commands_without_comments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.peers.contestants.TYPED", tmp_path)
    (tmp_path / "ludwig" / "conf").mkdir(parents=True)
    (tmp_path / "ludwig" / "conf" / "a.yaml").write_text("# a comment\n\nx: 1\ny: 2\n", encoding="utf-8")
    (tmp_path / "ludwig" / "b.py").write_text("z" * 81 + "\n", encoding="utf-8")
    commands = -(-len(CONTESTANTS["ludwig"].train) // 80) - (-len(CONTESTANTS["ludwig"].predict) // 80)
    assert CONTESTANTS["ludwig"].lines() == 2 + 2 + commands


def test_every_folder_of_typed_files_belongs_to_a_contestant() -> None:
    used = {each.files for each in CONTESTANTS.values() if each.files} | {"search", "ray_tune"}
    assert {path.name for path in TYPED.iterdir() if path.is_dir()} == used


def test_rows_of_a_folder_share_no_text_and_hide_the_labels(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    folder.mkdir()
    known = pd.DataFrame({"text": [f"text {n % 40}" for n in range(50)], "category": ["a", "b"] * 25})
    known.to_csv(source / "train.csv", index=False)
    pd.DataFrame({"text": ["text 1", "x", "y", "z"], "category": ["a", "a", "b", "unseen"]}).to_csv(
        source / "test.csv", index=False
    )
    name = prepare(folder, {"banking77": source}, Rows(20, 10, 10))
    assert name == "banking77: 20 train, 10 val, 2 test rows, 2 classes"
    parts = {split: pd.read_csv(folder / f"{split}.csv") for split in ("train", "val", "test", "new")}
    assert set(parts["train"]["text"]).isdisjoint([*parts["val"]["text"], *parts["test"]["text"]])
    assert list(parts["new"]) == ["text"]
    assert parts["new"]["text"].tolist() == parts["test"]["text"].tolist()


def test_rows_without_a_folder_are_generated_reports(tmp_path: Path) -> None:
    assert prepare(tmp_path, {}, Rows(60, 20, 20)).startswith("reports: 60 train, ")
    assert list(pd.read_csv(tmp_path / "train.csv")) == ["text", "category"]


def test_a_command_ends_or_is_killed(tmp_path: Path) -> None:
    done = ran("echo said; exit 3", tmp_path, {"PATH": "/usr/bin:/bin"})
    assert (done["rc"], done["output"]) == (3, "said\n")
    command = "echo begun; touch a.ckpt; sleep 60 & wait"
    stopped = ran(command, tmp_path, {"PATH": "/usr/bin:/bin"}, killed_at="*.ckpt", after_s=0.2)
    assert (stopped["rc"], stopped["output"]) == (-signal.SIGKILL, "begun\n")


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("trainer", "predictions.csv", "text,category\nx,a\ny,b\n"),
        ("ludwig", "predicted/category_predictions.csv", "a\nb\n"),
    ],
)
def test_predictions_are_scored_by_the_rows_held_out(name: str, file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,category\nx,a\ny,a\n", encoding="utf-8")
    (tmp_path / "new.csv").write_text("text\nx\ny\n", encoding="utf-8")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert labels(CONTESTANTS[name], tmp_path).tolist() == ["a", "b"]
    assert score(CONTESTANTS[name], tmp_path) == pytest.approx((2 / 3 + 0) / 2)
    (tmp_path / "new.csv").write_text("text\nx\ny\nz\n", encoding="utf-8")
    with pytest.raises(ValueError, match="2 predictions for 3 rows"):
        labels(CONTESTANTS[name], tmp_path)


def test_the_line_that_is_kept_has_the_word_and_no_folder() -> None:
    text = "\x1b[31mValueError: lrr in /home/me/train.py\x1b[0m\nmore\n---\n"
    assert last_line(text, "lrr") == "ValueError: lrr in train.py"
    assert last_line(text) == "more"
    assert last_line(" \n") == "no output"


def test_a_working_folder_has_the_data_and_what_is_typed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "val", "test", "new"):
        (data / f"{split}.csv").write_text("text\n", encoding="utf-8")
    bench = Bench(data, {"ludwig": tmp_path / "env"}, True)
    assert (bench.folder(CONTESTANTS["ludwig"], tmp_path / "a") / "config.yaml").exists()
    assert (bench.folder(CONTESTANTS["lab_tiny"], tmp_path / "b") / "train.py").exists()
    assert bench.environment(CONTESTANTS["ludwig"])["PATH"].startswith(f"{tmp_path}/env/bin:")


ABOUT = {"data": "banking77", "machine": {"cores": 2, "model": "a CPU"}, "date": "2026-11-29"}
RESULTS: dict[str, Any] = {
    "work": {
        "lab_tiny": {
            "work": {"train_s": 10.0, "predict_s": 2.0, "f1_macro": 0.8, **ABOUT},
            "misspelt": {"rc": 2, "wall_s": 1.0, "answer": "a | b", **ABOUT},
            "killed": {"resume_s": 5.0, "f1_macro": 0.8, "equal": 1.0, "rc": 0, **ABOUT},
        },
        "trainer": {
            "work": {"failed": "no memory", **ABOUT},
            "misspelt": {"rc": 0, "wall_s": 9.0, "answer": "x", **ABOUT},
        },
    },
    "search": {"runs": {"lab": {"wall_s": 9.0, "lines": 3, "best": 0.5, "epochs": 30, "trials": 10}}, **ABOUT},
    "environments": {"ludwig": {"failed": "ERROR: none"}},
}


@pytest.mark.parametrize("language", ["en", "es"])
def test_tables_have_a_line_for_each_contestant_and_stand_in_the_pages(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = table.tables(RESULTS, language)
    assert "| 10.0 | 2.0 | 0.800 |" in made["work"]
    assert "no memory" in made["work"]
    assert made["faults"].count("\n|") == 1 + len(CONTESTANTS)
    assert "`a / b`" in made["faults"]
    assert "| lab | 3 | 9.0 | 10 | 30 | 0.5000 |" in made["search"]
    assert "ERROR: none" in made["environments"]
    page = tmp_path / "page.md"
    page.write_text(table.PAGES[language].read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(table, "PAGES", {language: page})
    for _ in range(2):
        table.into_pages(RESULTS)
    text = page.read_text(encoding="utf-8")
    assert all(text.count(each) == 1 for each in made.values())
    page.write_text("no place\n", encoding="utf-8")
    with pytest.raises(ValueError, match="0 places"):
        table.into_pages(RESULTS)


def test_the_search_of_lab_is_a_sound_request_but_for_its_module() -> None:
    own = ("plugins=", "model", "data", "+data")
    words = [word for word in shlex.split(LAB.replace("{epochs}", "9"))[1:] if not word.startswith(own)]
    assert wrong_keys([*words, "objective.metric=val/accuracy"]) == []


def test_features_name_known_peers_once() -> None:
    assert {peer for feature in FEATURES for peer in feature.where} <= set(PEERS)
    assert len({feature.en for feature in FEATURES}) == len({feature.es for feature in FEATURES}) == len(FEATURES)


@pytest.mark.slow
def test_what_is_installed_here_has_the_features_that_are_said() -> None:
    if find_spec("ray") is None:
        pytest.skip("ray is in an extra")
    found = look({})
    assert set(found) == {"lab", "trainer", "ray"}
    assert {name: seen for peer in found.values() for name, seen in peer.items() if seen is not True} == {}


@pytest.mark.slow
def test_the_comparison_runs_on_few_rows(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    command = [sys.executable, "-m", "benchmarks.peers", "--quick", "--only", "lab_tiny"]
    command += ["--kill-after", "0.05", "--file", str(file)]  # seconds later a quick machine has finished the training
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(file.read_text(encoding="utf-8"))["work"]["lab_tiny"]
    assert row["misspelt"]["rc"] == 2
    assert row["work"]["f1_macro"] == row["killed"]["f1_macro"] > 0
    assert row["killed"]["equal"] == 1.0
