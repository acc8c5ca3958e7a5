"""The command line as typed: read, named, and written down to be typed again."""

import shlex
from pathlib import Path

import pytest

from lab.cli.command_line import command, parse, run_name, script, split, with_absolute_config_path


def test_options_and_overrides_are_distinguished() -> None:
    typed = parse(["train.py", "seed=1", "--config-dir", "mine", "-m", "model=tiny"])
    assert typed.overrides == ("seed=1", "model=tiny")
    assert (typed.config_dir, typed.multirun, typed.runs) == ("mine", True, True)


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"], ["-c", "job"], ["--info"], ["--info", "defaults"],
                                   ["--hydra-help"], ["--experimental-rerun", "x"]])  # fmt: skip
def test_what_only_shows_something_does_not_run(flags: list[str]) -> None:
    assert not parse(["train.py", *flags]).runs


@pytest.mark.parametrize("flags", [["-m", "--cfg", "job"], ["--resolve"], ["--config-name"]])
def test_flags_that_make_no_sense_exit_with_two(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(["train.py", *flags])
    assert stopped.value.code == 2
    assert "train.py: error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=1", "seed", "1"),
        ("++resume='a b'", "resume", "a b"),
        ("~seed", "seed", ""),
        ("a.b=c=d", "a.b", "c=d"),
        ("a=b'", "a", "b'"),
    ],
)
def test_split(override: str, key: str, value: str) -> None:
    assert split(override) == (key, value)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "tiny"),
        (["optimizer.lr=3e-5", "data.batch_size=16", "trainer.max_epochs=3"], "tiny-lr3e-5-bs16-ep3"),
        (["optimizer.lr=0.00003"], "tiny-lr3e-5"),
        (["optimizer.lr=0.0004266709416650534"], "tiny-lr0.0004267"),
        (["model=beto", "data=csv", "data.path=/a/b.csv", "data.labels=[modo]"], "tiny-csv"),
        (["experiment=imdb_quick", "seed=3"], "tiny-imdb_quick-seed3"),
        (["loss.head_weights={modo: .1, causa: .9}"], "tiny-head_weights_modo_.1_causa_.9"),
        (["hydra.run.dir=x", "logger=[csv]", "callbacks.curves.gif=true", "tags=[a]"], "tiny"),
        (["trainer.max_epochs=10"], "tiny-ep10"),
    ],
)
def test_a_run_is_named_by_what_tells_it_apart(overrides: list[str], name: str) -> None:
    assert run_name("tiny", overrides) == name


def test_a_name_shows_a_choice_of_debug() -> None:
    assert run_name("tiny", ["debug=fdr", "optimizer.lr=3e-5"]) == "tiny-debug-fdr-lr3e-5"


def test_a_name_is_short_and_safe_for_files() -> None:
    name = run_name("a/b c", [f"optimizer.lr={'x' * 50}", f"model.path=../{'y' * 90}"])
    assert len(name) <= 96
    assert not set(name) & set("/ *:'\"\\")


def test_a_command_reads_back_as_what_was_typed() -> None:
    typed = parse(["train.py", "data=csv", "data.text=[a b]", "--config-dir", "my conf", "hydra.run.dir=out"])
    words = shlex.split(command(typed))
    assert words == ["python", "train.py", "--config-dir", "my conf", "data=csv", "data.text=[a b]"]


def test_a_job_of_a_multirun_becomes_a_run_of_its_own() -> None:
    typed = parse(["train.py", "-m", "seed=1,2", "hydra.sweep.dir=out", "hydra/sweeper=basic"])
    line = command(typed, ["seed=2", "hydra.sweep.dir=out", "hydra/sweeper=basic"])
    assert line == "python train.py seed=2"


def test_the_script_is_said_as_it_was_typed() -> None:
    assert script(command(parse(["../my lab/train.py", "seed=1"]))) == "python '../my lab/train.py'"
    assert script(command(parse(["python -m lab train", "seed=1"]))) == "python -m lab train"
    assert script("") == script("python 'train.py") == "python train.py"


def test_a_console_script_is_said_by_its_name_where_the_path_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "there"):
        program = tmp_path / folder / "lab-train"
        program.parent.mkdir()
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "here"))
    assert command(parse([str(tmp_path / "here" / "lab-train"), "seed=1"])) == "lab-train seed=1"
    assert script("lab-train seed=1") == "lab-train"
    assert command(parse([str(program), "seed=1"])) == f"{program} seed=1"


@pytest.mark.parametrize("words", [["--config-path", "{}"], ["-cp={}"], ["seed=1", "--config-path={}"]])
def test_a_relative_config_path_is_read_from_the_working_folder(words: list[str]) -> None:
    typed = ["train.py", *(word.format("mine") for word in words)]
    assert with_absolute_config_path(typed) == ["train.py", *(word.format(Path("mine").absolute()) for word in words)]
