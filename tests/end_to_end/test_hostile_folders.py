"""Damaged and odd folders: `test=` and `resume=` end in one line for each fault, report.py names them and passes over.

Each folder is one sound run with one thing wrong. No traceback, no hang, and nothing else in the folder changes.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.core.record.run_folder import RunFolder

from ..report.conftest import write_run

WORDS = (
    "data.num_rows=200", "data.batch_size=16", "trainer.max_epochs=2", "trainer.threads=1", "model.vocabulary_size=300",
    "model.architecture.hidden_size=16", "model.architecture.intermediate_size=16", "logger=csv",
    "callbacks.curves.png=false", "hydra.run.dir=sound",
)  # fmt: skip
Damage = Callable[[Path], None]


Typed = Callable[..., tuple[int | None, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def typed(place: Path, forked: Any) -> Typed:
    """Exit code and output of a command line typed in `place`."""

    def run(*words: str) -> tuple[int | None, str]:
        done = forked(*words, folder=place)
        return done.code, done.said

    return run


@pytest.fixture(scope="module")
def sound(place: Path, typed: Typed) -> Path:
    code, output = typed("train.py", *WORDS)
    assert code == 0, output
    return place / "sound"


def text(name: str, content: str | bytes) -> Damage:
    def damage(run: Path) -> None:
        (run / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


def pipe(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return damage


def folder(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return damage


def field(name: str, value: Any) -> Damage:
    def damage(run: Path) -> None:
        record = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(record | {name: value}))

    return damage


def line(content: str) -> Damage:
    def damage(run: Path) -> None:
        with (run / "history.jsonl").open("a") as file:
            file.write(content + "\n")

    return damage


def config(extra: str) -> Damage:
    def damage(run: Path) -> None:
        path = run / "config.yaml"
        path.write_text(path.read_text() + extra)

    return damage


def saved(name: str, change: Callable[[dict[str, Any]], Any]) -> Damage:
    def damage(run: Path) -> None:
        path = run / "checkpoints" / name
        whole = torch.load(path, weights_only=True)
        torch.save(change(whole), path)

    return damage


def without(*names: str) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: {name: value for name, value in whole.items() if name not in names}


def with_(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: whole | {name: value}


def weights(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: whole | {"state_dict": change(dict(whole["state_dict"]))}


def first(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict[str, Any]], Any]:
    def changed(state: dict[str, Any]) -> dict[str, Any]:
        name = next(name for name, value in state.items() if value.is_floating_point() and value.dim() == 2)
        return state | {name: change(state[name])}

    return weights(changed)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
RECORDS: dict[str, tuple[Damage, str]] = {
    "run.json []": (text("run.json", "[]"), "holds a list"),
    "run.json null": (text("run.json", "null"), "holds nothing"),
    "run.json 5": (text("run.json", "5"), "holds a number"),
    "run.json of brackets": (text("run.json", "[" * 100_000), "levels deep"),
    "run.json cut": (text("run.json", '{"schema_version": 1, "sta'), "no JSON"),
    "run.json not UTF-8": (text("run.json", b'{"reason": "\xff"}'), "no UTF-8"),
    "run.json of a million digits": (text("run.json", '{"seed": ' + "1" * 1_000_000 + "}"), "no JSON"),
    "run.json a pipe": (pipe("run.json"), "named pipe"),
    "run.json a folder": (folder("run.json"), "a folder"),
    "a lone surrogate in reason": (field("reason", "\ud800"), "half a character"),
    "reason a list": (field("reason", ["x"]), "reason is not text"),
    "objective a list": (field("objective", [1]), "objective is not a mapping"),
    "objective.value text": (field("objective", {"metric": "val/f1", "value": "high"}), "not a finite number"),
    "objective.mode odd": (field("objective", {"metric": "val/f1", "mode": "up"}), "objective.mode"),
    "metrics text": (field("metrics", {"test": {"f1": "x"}}), "metrics.test.f1"),
    "metrics a list": (field("metrics", {"test": [1]}), "metrics.test is not a mapping"),
    "timing a list": (field("timing_s", [1]), "timing_s"),
    "process without a host": (field("process", {"pid": 1}), "process has no host"),
    "process with a text as pid": (field("process", {"pid": "x", "host": "h", "started": "x"}), "process.pid"),
    "seed of 400 digits": (field("seed", 10**400), "seed is not a whole number"),
    "status unknown": (field("status", "done"), "status is not one of"),
    "an unknown field": (field("colour", "red"), "'colour'"),
    "another version": (field("schema_version", 7), "schema version 7"),
}
CONFIGS: dict[str, tuple[Damage, str]] = {
    "config.yaml with a key twice": (config("seed: 3\n"), "occurs twice"),
    "config.yaml a scalar": (text("config.yaml", "5"), "holds a number"),
    "config.yaml a list": (text("config.yaml", "- a\n"), "holds a list"),
    "config.yaml empty": (text("config.yaml", ""), "holds nothing"),
    "config.yaml with a recursive alias": (config("odd: &odd [*odd]\n"), "to itself"),
    "config.yaml nested deeply": (config("odd: " + "[" * 90_000 + "]" * 90_000), "levels deep|no YAML"),
    "config.yaml with an alias bomb": (config(BOMB), "grows to more than"),
    "config.yaml with a tag": (config("odd: !!python/name:os.system\n"), "the tag"),
    "config.yaml not UTF-8": (text("config.yaml", b"seed: \xff\n"), "no UTF-8"),
    "config.yaml a pipe": (pipe("config.yaml"), "named pipe"),
}
HISTORIES: dict[str, tuple[Damage, str]] = {
    "history a number": (line("5"), "line 3: holds a number"),
    "history without a place": (line("{}"), "line 3: it has no epoch"),
    "history with a text as step": (line('{"epoch": 2, "step": "x"}'), "line 3: step is not a whole number"),
    "history with a text as score": (line('{"epoch": 2, "step": 30, "val/loss": "x"}'), "line 3: val/loss"),
    "history of brackets": (line("[" * 100_000), "line 3: "),
    "history a pipe": (pipe("history.jsonl"), "named pipe"),
}
TOKENIZERS: dict[str, tuple[Damage, str]] = {
    "tokenizer not UTF-8": (text("tokenizer/tokenizer.json", b"\xff"), "no UTF-8"),
    "tokenizer no JSON": (text("tokenizer/tokenizer.json", "{"), "is no tokenizer"),
    "tokenizer of another shape": (text("tokenizer/tokenizer.json", '{"model": 5}'), "is no tokenizer"),
    "tokenizer's description no JSON": (text("tokenizer/lab_tokenizer.json", "x"), "no JSON"),
    "tokenizer's description of another shape": (
        text("tokenizer/lab_tokenizer.json", '{"pad_id": "x"}'),
        "it has no longest",
    ),
    "tokenizer a pipe": (pipe("tokenizer/tokenizer.json"), "named pipe"),
    "architecture not UTF-8": (text("tokenizer/architecture.json", b"\xff"), "no UTF-8"),
    "architecture a list": (text("tokenizer/architecture.json", "[]"), "holds a list"),
    "architecture of another shape": (text("tokenizer/architecture.json", '{"model_type": "x"}'), "architecture"),
}


def checkpoints(name: str) -> dict[str, tuple[Damage, str]]:
    """Damage to best.ckpt or last.ckpt."""
    path = f"checkpoints/{name}"
    return {
        f"{name} a list": (saved(name, lambda _: [1, 2]), "contains a list"),
        f"{name} without weights": (saved(name, without("state_dict")), "has no state_dict"),
        f"{name} of an empty state": (saved(name, weights(lambda _: {})), "contains no weights"),
        f"{name} with a text as weight": (saved(name, weights(lambda state: state | {"x": "y"})), "are no weights"),
        f"{name} with a number for a name": (
            saved(name, weights(lambda state: state | {5: torch.ones(1)})), "are no weights"),
        f"{name} of another shape": (saved(name, first(lambda value: value[:1])), "size mismatch"),
        f"{name} with one weight less": (
            saved(name, weights(lambda state: dict(list(state.items())[1:]))), "Missing key"),
        f"{name} with NaN": (saved(name, first(lambda value: value * np.nan)), "that are not finite"),
        f"{name} with infinity": (saved(name, first(lambda value: value / 0)), "that are not finite"),
        f"{name} of zeros": (text(path, b"\0" * 1000), "is damaged"),
        f"{name} empty": (text(path, b""), "is damaged"),
        f"{name} a pipe": (pipe(path), "named pipe"),
        f"{name} a folder": (folder(path), "a folder"),
    }  # fmt: skip


VERSION = "pytorch-lightning_version"
LAST: dict[str, tuple[Damage, str]] = {
    "last.ckpt without its optimizer": (saved("last.ckpt", without("optimizer_states")), "has no optimizer_states"),
    "last.ckpt with an empty optimizer": (saved("last.ckpt", with_("optimizer_states", [])), "contains no optimizer"),
    "last.ckpt without a version": (saved("last.ckpt", without(VERSION)), f"has no {VERSION}"),
    "last.ckpt with no version": (saved("last.ckpt", with_(VERSION, "x")), "has an invalid"),
    "last.ckpt with a number for an optimizer": (
        saved("last.ckpt", with_("optimizer_states", [5])),
        "optimizer_states",
    ),
    "last.ckpt with an optimizer of nothing": (saved("last.ckpt", with_("optimizer_states", [{}])), "optimizer_states"),
    "last.ckpt with a number for a schedule": (saved("last.ckpt", with_("lr_schedulers", [5])), "lr_schedulers"),
    "last.ckpt with empty loops": (saved("last.ckpt", with_("loops", {})), "loops"),
    "last.ckpt with a number for a callback": (
        saved("last.ckpt", with_("callbacks", {"EarlyStopping": 5})),
        "callbacks",
    ),
    "last.ckpt with negative steps": (saved("last.ckpt", with_("global_step", -5)), "global_step"),
    "last.ckpt with an empty tally": (saved("last.ckpt", with_("train_tally", {})), "train_tally"),
    "last.ckpt without callbacks": (saved("last.ckpt", without("callbacks", "loops")), "no loops, has no callbacks"),
}
BOTH = RECORDS | CONFIGS | HISTORIES | TOKENIZERS
TESTED = BOTH | checkpoints("best.ckpt")
FEW = ("run.json []", "config.yaml with an alias bomb", "history without a place")
RESUMED = TOKENIZERS | {name: BOTH[name] for name in FEW} | checkpoints("last.ckpt") | LAST


def copy(sound: Path, damage: Damage, where: Path) -> Path:
    shutil.copytree(sound, where)
    damage(where)
    return where


def contents(run: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of what a refused command must leave alone."""
    return {
        path.relative_to(run).as_posix(): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in run.rglob("*")
        if path.name not in ("train.log", ".lock")
    }


def refused(typed: Typed, run: Path, words: tuple[str, ...], said: str) -> None:
    before = contents(run)
    code, output = typed("train.py", *words)
    assert "Traceback" not in output, output
    assert code == 2, output
    assert re.search(said, output), output
    assert "1 mistake" in output
    assert contents(run) == before


@pytest.mark.parametrize("name", TESTED)
def test_a_damaged_folder_is_not_tested(typed: Typed, sound: Path, tmp_path: Path, name: str) -> None:
    damage, said = TESTED[name]
    run = copy(sound, damage, tmp_path / "run")
    refused(typed, run, (f"test={run}",), said)


@pytest.mark.parametrize("name", RESUMED)
def test_a_damaged_folder_does_not_go_on(typed: Typed, sound: Path, tmp_path: Path, name: str) -> None:
    damage, said = RESUMED[name]
    run = copy(sound, damage, tmp_path / "run")
    refused(typed, run, (f"resume={run}", "trainer.max_epochs=3"), said)


def test_a_folder_that_lacks_only_its_spec_is_tested_and_goes_on(typed: Typed, sound: Path, tmp_path: Path) -> None:
    run = copy(sound, lambda run: (run / "spec.json").unlink(), tmp_path / "run")
    code, output = typed("train.py", f"test={run}")
    assert (code, "largest difference from the recorded test scores: 0.0e+00" in output) == (0, True), output
    code, output = typed("train.py", f"resume={run}", "trainer.max_epochs=3")
    assert (code, len(RunFolder(run).history())) == (0, 3), output
    assert (run / "spec.json").read_bytes() == (sound / "spec.json").read_bytes()


def test_a_report_of_300_folders_names_each_broken_one_and_shows_the_others(typed: Typed, tmp_path: Path) -> None:
    half_read = {**CONFIGS, **HISTORIES}
    num_sound = 300 - len(RECORDS) - len(half_read)
    for number in range(num_sound):
        write_run(tmp_path / "runs" / f"sound-{number:03}", seed=number, config={"optimizer.lr": 10.0 ** -(number % 3)})
    for number, (damage, _) in enumerate(RECORDS.values()):
        damage(write_run(tmp_path / "runs" / f"broken-{number}").path)
    Path(os.fsdecode(os.fsencode(tmp_path / "runs") + b"/\xff")).mkdir()
    for number, (damage, _) in enumerate(half_read.values()):
        damage(write_run(tmp_path / "runs" / f"half-{number}").path)
    sweep = tmp_path / "runs" / "sweep"
    sweep.mkdir()
    (sweep / "study.yaml").write_text(BOMB)
    code, output = typed("report.py", f"runs={tmp_path / 'runs'}", f"output={tmp_path / 'report'}")
    assert (code, "Traceback" in output) == (0, False), output
    table = (tmp_path / "report" / "runs.csv").read_text()
    assert table.count("/sound-") == num_sound
    assert table.count("/half-") == len(half_read)
    said = (tmp_path / "report" / "report.md").read_text()
    for number, (_, reason) in enumerate(RECORDS.values()):
        (line,) = [one for one in said.splitlines() if f"/broken-{number}:" in one or f"/broken-{number}`" in one]
        assert re.search(reason, line), line
    assert "half-0: config.yaml cannot be read" in said
    assert f"half-{len(CONFIGS)}: history.jsonl is damaged" in said
    assert "sweep" in said
    assert "grows to more than" in said
    assert "\\udcff" in said
    assert (tmp_path / "report" / "index.html").is_file()


def test_two_scores_that_are_almost_equal_are_reported(typed: Typed, tmp_path: Path) -> None:
    """A 2 x 2 grid whose boxes of two scores had no value between their whiskers."""
    score = 0.1
    above = float(np.nextafter(np.nextafter(score, 1), 1))
    for number in range(4):
        config = {"optimizer.lr": (0.1, 0.01)[number % 2], "data.batch_size": (8, 16)[number // 2]}
        write_run(tmp_path / "runs" / str(number), ((score, above)[number // 2],), config=config, test=above)
    code, output = typed("report.py", f"runs={tmp_path / 'runs'}", f"output={tmp_path / 'report'}")
    assert (code, "Traceback" in output) == (0, False), output


def test_an_open_quote_in_the_winners_command(typed: Typed, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "1", command="python train.py 'seed=1")
    code, output = typed("report.py", f"runs={tmp_path / 'runs'}", f"output={tmp_path / 'report'}")
    assert (code, "Traceback" in output) == (0, False), output
    assert "python train.py --config-dir" in output


@pytest.mark.parametrize("left", [[], [".report"], [".report", "experiment/best.yaml", ".runs.csv.7.part"]])
def test_a_report_that_was_cut_is_made_by_the_same_line(typed: Typed, tmp_path: Path, left: list[str]) -> None:
    write_run(tmp_path / "runs" / "1")
    report = tmp_path / "report"
    report.mkdir()
    for name in left:
        (report / name).parent.mkdir(exist_ok=True)
        (report / name).touch()
    code, output = typed("report.py", f"runs={tmp_path / 'runs'}", f"output={report}")
    assert code == 0, output
    assert (report / "index.html").is_file()
    assert not list(report.rglob(".*.part"))


@pytest.mark.parametrize("sign", [pytest.param("\u0085", marks=pytest.mark.slow), "\u2028"])
def test_a_label_column_with_a_line_end_in_its_name_keeps_its_training(typed: Typed, tmp_path: Path, sign: str) -> None:
    rows = [f"{word} ocurrido el dia {number},{word[0]}" for number in range(60) for word in ("fallo", "ruido")]
    (tmp_path / "rows.csv").write_text(f"text,kind{sign}old\n" + "\n".join(rows) + "\n")
    run = tmp_path / "run"
    words = ("data=csv", f"data.path={tmp_path / 'rows.csv'}", "data.text=[text]", f"data.labels=['kind{sign}old']",
             "data.leaks.action=warn", *WORDS[1:-1], f"hydra.run.dir={run}")  # fmt: skip
    code, output = typed("train.py", *words)
    assert code == 0, output
    assert len(RunFolder(run).history()) == 2
    code, output = typed("train.py", f"resume={run}", "trainer.max_epochs=3")
    assert (code, len(RunFolder(run).history())) == (0, 3), output
