"""train.py as a person runs it: exit codes, messages, folders. Training is replaced where it is not the matter."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lab.cli import main
from lab.core.record.seal import sealed

TRAIN = Path(__file__).parent.parent / "train.py"

STAND_IN = '''
"""train.py with another lab.training: it prints the request and ends as its first argument says."""
import json, runpy, sys, time, types
from lab.core.errors import Mistake, RequestError, RunError

def train(config, folder, command, sweep, shared):
    requested = {"folder": str(folder), "command": command, "name": config.run_name, "seed": config.seed,
             "epochs": config.trainer.max_epochs, "sweep": sweep, "torch": "torch" in sys.modules}
    print(json.dumps(requested), flush=True)
    if ending == "request":
        raise RequestError([Mistake("data.path", "there is no such file", "data.path=OTHER", "a.csv")])
    if ending == "failure" or (ending == "odd" and config.seed % 2):
        raise RunError("the loss is not finite", "nan")
    if ending == "bug":
        raise KeyError("oops")
    if ending == "lost" and config.seed % 2:
        from lab.core.record.tracking_ids import mark_lost
        mark_lost(folder, "mlflow", "ConnectionError: no route")
    if ending == "wait":
        time.sleep(60)
    return config.optimizer.lr

def retest(config, folder):
    print(json.dumps({"tested": str(folder)}), flush=True)

ending = sys.argv[1]
sys.argv = sys.argv[2:]
for name in ("", ".tasks", ".evaluation"):
    package = sys.modules[f"lab.training{name}"] = types.ModuleType(f"lab.training{name}")
    package.__path__ = []
for name, call in {"train": train, "evaluate": retest}.items():
    stand_in = sys.modules[f"lab.training.{name}"] = types.ModuleType(f"lab.training.{name}")
    setattr(stand_in, call.__name__, call)
for imported_early in ("tasks.text_classification", "evaluation.classification"):
    sys.modules[f"lab.training.{imported_early}"] = types.ModuleType(f"lab.training.{imported_early}")
runpy.run_path(sys.argv[0], run_name="__main__")
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, ending: str | None = None, limits: Callable[[], None] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    start = [str(TRAIN)] if ending is None else ["-c", STAND_IN, ending, str(TRAIN)]
    done = subprocess.run(
        [sys.executable, *start, *words], capture_output=True, text=True, timeout=120, preexec_fn=limits, check=False
    )
    return done.returncode, done.stdout, done.stderr


def requested(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def printed(folder: Path) -> str:
    """What the jobs of a multirun printed, in their order."""
    return "".join(path.read_text() for path in sorted(folder.glob("*/output.log")))


def test_every_mistake_is_named_at_once_and_nothing_is_made(here: Path) -> None:
    code, out, err = run("model=betto", "optimizr.lr=1", "trainer.precision=17", "+foo=1")
    assert code == 2
    assert out == ""
    assert err.startswith("This request has 4 mistakes:\n")
    for words in ("model=betto", "model=beto", "optimizr.lr=1", "optimizer.lr=1", "trainer.precision=17", "foo=1"):
        assert words in err
    assert "Traceback" not in err
    assert list(here.iterdir()) == []


def test_a_sweep_with_a_mistake_makes_nothing(here: Path) -> None:
    code, _, err = run("-m", "seed=1,x")
    assert code == 2
    assert "seed=x" in err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("words", [["--cfg", "job"], ["optimizr.lr=1"], ["--help"], ["--info", "config"]])
def test_what_runs_nothing_answers_without_torch_and_claims_nothing(here: Path, words: list[str]) -> None:
    code = (
        "import runpy, sys\nsys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    heavy = {'torch', 'lightning', 'transformers', 'datasets', 'wandb'} & set(sys.modules)\n"
        "    print('heavy:', sorted(heavy))\n"
    )
    command = [sys.executable, "-c", code, str(TRAIN), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == (2 if words == ["optimizr.lr=1"] else 0)
    assert done.stdout.endswith("heavy: []\n")
    assert list(here.iterdir()) == []


def test_only_help_reads_the_files_of_all_choices(here: Path) -> None:
    code = (
        "import runpy, sys\nsys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    print('read:', 'lab.config.reference.help_pages' in sys.modules)\n"
    )
    for words, read in ((["--help"], True), (["--cfg", "job"], False)):
        command = [sys.executable, "-c", code, str(TRAIN), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout.endswith(f"read: {read}\n")


def test_help_fits_a_screen_and_names_all_three_tasks() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert out.count("\n") <= 40
    for part in ("python train.py data=csv", "data=squad", "data=rainfall", "scheduler    constant, cosine"):
        assert part in out


def test_help_explains_a_group_a_choice_and_a_key(here: Path) -> None:
    code, out, _ = run("--help", "loss", "model=ngram", "optimizer.lr")
    assert code == 0
    for part in ("loss=custom", "model.dimension [64]", "Peak learning rate"):
        assert part in out
    code, _, err = run("--help", "optimiser")
    assert code == 2
    assert "--help optimizer" in err
    assert list(here.iterdir()) == []


def test_a_misspelt_key_is_reported_when_only_showing_too() -> None:
    code, _, err = run("--cfg", "job", "optimizr.lr=1")
    assert code == 2
    assert "optimizer.lr=1" in err


def test_a_run_gets_a_folder_a_name_and_the_line_to_type_again(here: Path) -> None:
    code, out, err = run("seed=3", "optimizer.lr=3e-5", ending="done")
    assert code == 0, err
    (reported,) = requested(out)
    folder = Path(str(reported["folder"]))
    assert folder.parts[-3] == "outputs"
    assert folder.is_relative_to(here)
    assert (folder / ".hydra" / "config.yaml").is_file()
    assert reported["name"] == "tiny-seed3-lr3e-5"
    assert reported["command"] == f"python {TRAIN} seed=3 optimizer.lr=3e-5"
    assert reported["torch"] is False


def test_a_named_folder_is_never_overwritten(here: Path) -> None:
    (here / "out").mkdir()
    code, out, err = run("hydra.run.dir=out", ending="done")
    assert (code, out) == (2, "")
    assert "hydra.run.dir=out: exists already" in err
    assert list((here / "out").iterdir()) == []


def test_a_disk_that_takes_no_file_is_reported_at_once(here: Path) -> None:
    def no_file_grows() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    code, _, err = run("hydra.run.dir=out", ending="done", limits=no_file_grows)
    assert code == 2
    assert "hydra.run.dir=out: cannot be made and written to" in err
    assert "Traceback" not in err
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        ("request", 2, "data.path=a.csv: there is no such file"),
        ("failure", 1, "The run failed: the loss is not finite"),
    ],
)
def test_how_a_run_that_cannot_end_ends(here: Path, ending: str, code: int, words: str) -> None:
    ended, _, err = run("hydra.run.dir=out", ending=ending)
    assert ended == code
    assert err.count(words) == 1
    assert "Traceback" not in err
    if ending == "failure":
        assert words in (here / "out" / "train.log").read_text()


def test_the_corrected_line_may_name_the_folder_of_a_refused_run_again(here: Path) -> None:
    assert run("hydra.run.dir=out", ending="request")[0] == 2
    assert not (here / "out").exists()
    assert run("hydra.run.dir=out", ending="done")[0] == 0


def test_a_refused_request_keeps_a_folder_with_a_checkpoint_or_a_validation(tmp_path: Path) -> None:
    for name in ("checkpoints/last.ckpt", "history.jsonl"):
        kept, refused = tmp_path / name.replace("/", "_"), tmp_path / "refused"
        (kept / name).parent.mkdir(parents=True)
        (kept / name).write_text("{}")
        refused.mkdir()
        main.discard(kept)
        main.discard(refused)
        assert (kept / name).is_file()
        assert not refused.exists()


@pytest.mark.usefixtures("here")
def test_a_bug_shows_its_trace() -> None:
    code, _, err = run(ending="bug")
    assert code == 1
    assert "KeyError: 'oops'" in err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_from_outside_ends_in_130(number: signal.Signals) -> None:
    command = [sys.executable, "-c", STAND_IN, "wait", str(TRAIN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("{")
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_the_jobs_of_a_multirun_go_on_when_one_fails(here: Path) -> None:
    code, _, err = run("-m", "seed=1,2,3", "hydra.sweep.dir=out", ending="odd")
    assert code == 1
    assert [reported["seed"] for reported in requested(printed(here / "out"))] == [1, 2, 3]
    assert [reported["command"] for reported in requested(printed(here / "out"))] == [
        f"python {TRAIN} seed={seed}" for seed in (1, 2, 3)
    ]
    assert {path.name for path in (here / "out").iterdir()} == {"0", "1", "2", "multirun.yaml"}
    assert "The run failed" in (here / "out" / "0" / "train.log").read_text()
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_end_of_a_multirun_names_the_jobs_that_a_logger_lost() -> None:
    code, out, _ = run("-m", "seed=1,2,3", "hydra.sweep.dir=out", ending="lost")
    assert code == 0
    lost = "logger mlflow failed in 2 of the jobs, which are complete in out: 0, 2 (ConnectionError: no route)"
    assert out.count(lost) == 1, out


@pytest.mark.slow
def test_a_search_with_optuna_gets_the_objective(here: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    lr = "optimizer.lr=interval(1e-5,1e-3)"
    code, _, err = run(
        "-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweep.dir=out", lr, ending="done"
    )
    assert code == 0, err
    assert len(requested(printed(here / "out"))) == 2


def test_resume_and_test_go_to_the_runs_own_config_and_folder(here: Path) -> None:
    (here / "a b" / "checkpoints").mkdir(parents=True)
    shown = OmegaConf.create(run("--cfg", "job", "seed=5", "trainer.max_epochs=4")[1])
    del shown.sweep  # a run's config.yaml has none
    (here / "a b" / "config.yaml").write_text(sealed(OmegaConf.to_yaml(shown, resolve=True)))
    for name in ("best", "last"):
        (here / "a b" / "checkpoints" / f"{name}.ckpt").touch()
    (here / "a b" / "run.json").write_text('{"schema_version": 1, "status": "interrupted"}')

    code, out, err = run("resume=a b", "trainer.max_epochs=6", ending="done")
    assert code == 0, err
    (reported,) = requested(out)
    assert reported["folder"] == str(here / "a b")
    assert (reported["seed"], reported["epochs"]) == (5, 6)
    assert reported["command"] == f"python {TRAIN} 'resume=a b' trainer.max_epochs=6"
    assert not (here / "a b" / ".hydra").exists()

    before = {path.name: path.read_bytes() for path in (here / "a b").iterdir() if path.is_file()}
    code, out, err = run("test=a b", ending="done")
    assert code == 0, err
    assert json.loads(out) == {"tested": str(here / "a b")}
    assert {path.name: path.read_bytes() for path in (here / "a b").iterdir() if path.is_file()} == before

    command = [sys.executable, "-c", STAND_IN, "wait", str(TRAIN), "resume=a b"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("{")
        for line in ("resume=a b", "test=a b"):
            code, out, err = run(line, ending="done")
            assert (code, out) == (2, "")
            assert f"this run is still running, as process {first.pid}" in err
        first.kill()
    assert run("resume=a b", ending="done")[0] == 0

    code, _, err = run("resume=nowhere")
    assert code == 2
    assert "there is no such folder" in err
