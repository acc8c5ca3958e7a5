"""`resume=RUN` and `test=RUN`: what they turn into, and every reason to refuse them."""

import json
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict

from lab.cli.resume import _nothing_left, locked, resumed_argv
from lab.config.check import check
from lab.core.errors import RequestError

CONF = Path("conf").absolute()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("trainer: {max_epochs: 12}\nresume: null\ntest: null\n")
    for name in ("last", "best"):
        (folder / "checkpoints" / f"{name}.ckpt").touch()
    record(folder, status="interrupted")
    return folder


def record(run: Path, **fields: object) -> None:
    (run / "run.json").write_text(json.dumps({"schema_version": 1, "status": "interrupted"} | fields))


def refusal(*overrides: str) -> str:
    with pytest.raises(RequestError) as caught:
        resumed_argv(["train.py", *overrides], CONF)
    return str(caught.value)


@pytest.mark.parametrize("argv", [["train.py"], ["train.py", "seed=1", "-m"], ["train.py", "resume=null"]])
def test_other_lines_stay_as_they_are(argv: list[str]) -> None:
    assert resumed_argv(argv, CONF) == argv


def test_a_resumed_run_composes_from_its_folder_and_writes_into_it(run: Path) -> None:
    argv = resumed_argv(["train.py", f"resume={run}", "trainer.max_epochs=20"], CONF)
    composed_from = Path(argv[argv.index("--config-path") + 1])
    assert [path.name for path in composed_from.iterdir()] == ["config.yaml"]
    assert argv[argv.index("--config-dir") + 1] == str(CONF)
    assert {f"hydra.run.dir='{run}'", "hydra.output_subdir=null", f"++resume='{run}'", "++test=null"} <= set(argv)
    assert argv[-1] == "trainer.max_epochs=20"
    assert "hydra/job_logging=lab" in argv


def test_keys_that_were_added_later_take_their_default_in_an_older_run() -> None:
    with initialize_config_dir(str(CONF.absolute())):
        config = compose("config")
    later = ("trainer.compile", "trainer.max_time", "callbacks.extra", "metrics", "plugins")
    with open_dict(config):
        for key in later:
            parent, _, name = key.rpartition(".")
            node = OmegaConf.select(config, parent) if parent else config
            del node[name]
    read = check(config)
    assert (read.trainer.compile, read.trainer.max_time, read.callbacks.extra, read.plugins) == (False, None, {}, ())


def test_a_key_that_an_older_run_lacks_can_be_set(run: Path) -> None:
    argv = resumed_argv(["train.py", f"resume={run}", "trainer.max_time=00:01:00:00"], CONF)
    assert "++trainer.max_time=00:01:00:00" in argv
    assert "cannot change when a run is" in refusal(f"resume={run}", "trainer.max_tme=3")  # no key of any version
    assert not any(word.endswith("log_every_n_steps=50") for word in
                   resumed_argv(["train.py", f"resume={run}", "trainer.log_every_n_steps=50"], CONF))  # fmt: skip
    assert "cannot change when a run is" in refusal(f"resume={run}", "trainer.deterministic=true")


def test_all_devices_are_compared_by_their_number(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was started with the same words, and has one device, its number, in its config."""
    monkeypatch.setattr("lab.core.processes.devices.num_gpus", lambda: 0)
    words = ["trainer.devices=auto", "trainer.strategy=ddp"]
    assert not set(words) & set(resumed_argv(["train.py", f"resume={run}", *words], CONF))
    monkeypatch.setattr("lab.core.processes.devices.num_gpus", lambda: 2)
    assert "trainer.devices" in refusal(f"resume={run}", *words)


def test_testing_again_leaves_the_log_alone(run: Path) -> None:
    argv = resumed_argv(["train.py", f"test={run}"], CONF)
    assert {f"++test='{run}'", "++resume=null", "hydra/job_logging=terminal"} <= set(argv)


def test_the_config_of_a_resumed_run_can_be_shown(run: Path) -> None:
    assert resumed_argv(["train.py", f"resume={run}", "--cfg", "job"], CONF)[1:3] == ["--cfg", "job"]


def test_folders_that_cannot_be_resumed(run: Path, tmp_path: Path) -> None:
    assert "no such folder" in refusal(f"resume={tmp_path / 'nope'}")
    assert "both" in refusal(f"resume={run}", f"test={run}")
    assert "-m" in refusal(f"resume={run}", "-m")
    (run / "checkpoints" / "last.ckpt").unlink()
    record(run, command="python train.py seed=3")
    lacking = refusal(f"resume={run}")
    assert "no checkpoints/last.ckpt" in lacking
    assert "try: python train.py seed=3" in lacking
    (run / "run.json").unlink()
    assert "try: the same command again, in a new folder" in refusal(f"resume={run}")
    (run / "checkpoints" / "best.ckpt").unlink()
    assert "no checkpoints/best.ckpt" in refusal(f"test={run}")
    (run / "config.yaml").unlink()
    assert "no config.yaml" in refusal(f"resume={run}")


@pytest.mark.parametrize("key", ["resume", "test"])
def test_a_run_writes_into_its_own_folder(run: Path, key: str) -> None:
    record(run, status="interrupted")
    assert "in its own folder" in refusal(f"{key}={run}", "hydra.run.dir=elsewhere")


@pytest.mark.parametrize("name", ["config.yaml", "run.json"])
def test_a_spoilt_file_is_named(run: Path, name: str) -> None:
    record(run, status="interrupted")
    (run / name).write_text("a: [")
    assert "cannot be read" in refusal(f"resume={run}")


@pytest.mark.parametrize(
    ("status", "override", "goes_on"),
    [
        ("interrupted", "", True),
        ("running", "", True),
        ("failed", "", True),
        ("completed", "", False),
        ("completed", "trainer.max_epochs=12", False),
        ("completed", "trainer.max_epochs=13", True),
        ("completed", "callbacks.early_stopping.patience=9", False),
        ("early_stopped", "", False),
        ("early_stopped", "trainer.max_epochs=13", False),
        ("early_stopped", "callbacks.early_stopping.patience=9", True),
    ],
)
def test_a_run_that_ended_goes_on_only_where_its_limit_moved(
    run: Path, status: str, override: str, goes_on: bool
) -> None:
    record(run, status=status)
    line = [f"resume={run}", *([override] if override else [])]
    if goes_on:
        assert "--config-path" in resumed_argv(["train.py", *line], CONF)
    else:
        assert "complete" in refusal(*line)
        assert "--config-path" in resumed_argv(["train.py", f"test={run}"], CONF)


IN_IT = """
import sys, time
from pathlib import Path
from lab.core.record.run_folder import RunFolder
from lab.cli.resume import sole_process
with sole_process(RunFolder(Path(sys.argv[1])), "resume"):
    print("works", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("key", ["resume", "test"])
def test_a_run_that_still_goes_on_is_not_joined(run: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Neither a clock that was set forward nor another host name makes it free; a kill does, whatever it forked."""
    gone = {"pid": 1, "host": "elsewhere", "started": "1970-01-01T00:00:00+00:00"}
    record(run, status="interrupted", process=gone)
    with subprocess.Popen([sys.executable, "-c", IN_IT, str(run)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "works\n"
        monkeypatch.setattr(platform, "node", lambda: "renamed")
        monkeypatch.setattr(time, "time", lambda: 4e9)
        refusal = f"still running, as process {other.pid} on "
        with pytest.raises(RequestError, match=refusal) as refused, locked(["train.py", f"{key}={run}"]):
            raise AssertionError("two at once")
        assert len(refused.value.mistakes) == 1
        with locked(["train.py", f"{key}={run}", "--cfg", "job"]):
            pass  # it is only shown
        other.kill()
    with locked(["train.py", f"{key}={run}"]):
        pass


def test_a_folder_that_is_no_run_is_not_touched(tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "nope", "x" * 5000):
        with locked(["train.py", f"resume={given}"]):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_leads_out_of_the_folder_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (run / ".lock").symlink_to(tmp_path / "mine")
    with pytest.raises(RequestError, match=r"no plain file(.|\n)*try: remove \.lock"), locked(["t.py", f"test={run}"]):
        raise AssertionError("locked")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("override", ["optimizer.lr=0.5", "data.batch_size=32", "+model.dimension=16", "seed=3"])
@pytest.mark.parametrize("key", ["resume", "test"])
def test_what_made_a_run_cannot_change(run: Path, key: str, override: str) -> None:
    assert "cannot change when a run is" in refusal(f"{key}={run}", override)


def test_a_folder_without_its_record_is_refused(run: Path) -> None:
    (run / "run.json").unlink()
    assert "has no run.json" in refusal(f"resume={run}")


def test_a_folder_with_spaces_is_proposed_in_quotes(run: Path) -> None:
    place = run.rename(run.with_name("r r"))
    record(place, status="completed")
    first, second = refusal(f"resume={place}").split("try: ")[1].split(", or ")
    words = [*shlex.split(first), *shlex.split(second)]
    values = {one.key_or_group: one.value() for one in OverridesParser.create().parse_overrides(words)}
    assert values == {"resume": str(place), "trainer.max_epochs": 24, "test": str(place)}


def test_a_complete_run_names_every_limit_that_can_be_raised() -> None:
    saved = {"trainer.max_epochs": 3, "trainer.max_steps": 7, "trainer.max_time": None}
    (mistake,) = _nothing_left("RUN", "completed", saved, {})
    assert mistake.problem == "this run is complete after trainer.max_epochs=3, trainer.max_steps=7"
    assert mistake.remedy == "resume=RUN trainer.max_epochs=6 trainer.max_steps=14, or test=RUN"
    assert _nothing_left("RUN", "completed", saved, {"trainer.max_steps": "9"}) == []
    assert _nothing_left("RUN", "completed", saved, {"trainer.max_steps": "null"}) == []
    assert _nothing_left("RUN", "completed", saved, {"trainer.max_steps": "5"}) != []


@pytest.mark.parametrize(
    "model", [{"kind": "linear"}, {"kind": "logistic_lags"}, {"kind": "minirocket", "head": "ridge"}]
)
def test_a_model_that_is_solved_in_one_pass_is_only_tested_again(model: dict[str, str]) -> None:
    saved = {"trainer.max_epochs": 1, **{f"model.{name}": value for name, value in model.items()}}
    (mistake,) = _nothing_left("RUN", "completed", saved, {})
    assert mistake.remedy == "test=RUN"
    assert "one pass" in mistake.problem
    (trained,) = _nothing_left("RUN", "completed", saved | {"model.kind": "minirocket", "model.head": "logistic"}, {})
    assert trained.remedy == "resume=RUN trainer.max_epochs=2, or test=RUN"
