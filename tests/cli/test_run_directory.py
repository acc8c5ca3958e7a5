"""One folder, one run: made in one step, numbered where the clock collides, refused where it was named."""

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from lab.cli.run_directory import ClaimFolder, claimed
from lab.core.errors import RequestError

CONF = Path(__file__).parents[2] / "conf"


def hydra(tmp_path: Path, *overrides: str) -> DictConfig:
    """The config as Hydra hands it to a callback, with folders below tmp_path."""
    folders = [f"hydra.run.dir={tmp_path}/named", f"hydra.sweep.dir={tmp_path}/sweep"]
    with initialize_config_dir(str(CONF), job_name="train"):
        return compose("config", [*folders, *overrides], return_hydra_config=True)


def test_a_folder_is_made_with_its_parents_and_left_empty(tmp_path: Path) -> None:
    path = claimed(tmp_path / "a" / "b", clock=False, key="hydra.run.dir")
    assert path == tmp_path / "a" / "b"
    assert list(path.iterdir()) == []


def test_a_named_folder_that_exists_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "kept").write_text("x")
    (tmp_path / "a-2").mkdir()
    with pytest.raises(RequestError, match="never overwrites") as caught:
        claimed(tmp_path / "a", clock=False, key="hydra.run.dir")
    assert caught.value.mistakes[0].remedy == f"hydra.run.dir={tmp_path}/a-3"
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["kept"]


@pytest.mark.parametrize(("folder", "free"), [(".", "here-2"), ("..", "above-2"), ("/", "/run-2")])
def test_a_folder_without_a_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, free: str
) -> None:
    (tmp_path / "above" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above" / "here")
    with pytest.raises(RequestError, match="never overwrites") as caught:
        claimed(Path(folder), clock=False, key="hydra.run.dir")
    assert caught.value.mistakes[0].remedy.endswith(free)


def test_a_named_folder_with_a_run_that_can_be_resumed_is_refused_with_that_line(tmp_path: Path) -> None:
    (tmp_path / "a" / "checkpoints").mkdir(parents=True)
    (tmp_path / "a" / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(RequestError) as caught:
        claimed(tmp_path / "a", clock=False, key="hydra.run.dir")
    assert f"resume={tmp_path}/a to continue the run in it" in caught.value.mistakes[0].remedy


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: claimed(tmp_path / "10-00-00", clock=True, key="k"), range(8)))
    assert sorted(path.name for path in paths) == ["10-00-00", *(f"10-00-00-{number}" for number in range(2, 9))]


@pytest.mark.parametrize("clock", [True, False])
def test_a_parent_that_is_a_file_is_refused(tmp_path: Path, clock: bool) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="cannot be made"):
        claimed(tmp_path / "file" / "run", clock=clock, key="hydra.run.dir")


def test_a_full_disk_is_reported_at_once_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RequestError, match="No space left"):
        claimed(tmp_path / "run", clock=True, key="hydra.run.dir")
    assert list(tmp_path.iterdir()) == []


def test_the_callback_claims_a_run(tmp_path: Path) -> None:
    ClaimFolder().on_run_start(hydra(tmp_path))
    assert (tmp_path / "named").is_dir()


def test_the_callback_tells_hydra_the_number(tmp_path: Path) -> None:
    config = hydra(tmp_path, "hydra.run.dir=" + str(tmp_path) + "/${now:%Y}")
    taken = Path(config.hydra.run.dir)
    taken.mkdir()
    ClaimFolder().on_run_start(config)
    assert Path(config.hydra.run.dir) == taken.with_name(f"{taken.name}-2")
    assert Path(config.hydra.run.dir).is_dir()


@pytest.mark.parametrize("key", ["resume", "test"])
def test_a_resumed_run_keeps_its_folder(tmp_path: Path, key: str) -> None:
    (tmp_path / "named").mkdir()
    ClaimFolder().on_run_start(hydra(tmp_path, f"{key}={tmp_path}/named"))
    assert list((tmp_path / "named").iterdir()) == []


def test_the_callback_exits_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "sweep").mkdir()
    for start in (ClaimFolder().on_run_start, ClaimFolder().on_multirun_start):
        with pytest.raises(SystemExit) as stopped:
            start(hydra(tmp_path))
        assert stopped.value.code == 2
    errors = capsys.readouterr().err
    assert "hydra.run.dir=" in errors
    assert "hydra.sweep.dir=" in errors


def test_jobs_that_would_share_a_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ClaimFolder().on_multirun_start(hydra(tmp_path, "hydra.sweep.subdir=same"))
    assert "share one folder" in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    "subdir",
    [
        ["hydra.sweep.subdir=${hydra.job.num}"],
        ["hydra.sweep.subdir=${hydra.job.override_dirname}"],
        ["hydra.sweep.subdir='${hydra.job.override_dirname}/${seed}'",
         "hydra.job.config.override_dirname.exclude_keys=[seed]"],
    ],
)  # fmt: skip
def test_folders_named_by_number_or_overrides_are_taken(tmp_path: Path, subdir: list[str]) -> None:
    ClaimFolder().on_multirun_start(hydra(tmp_path, *subdir))
    assert (tmp_path / "sweep").is_dir()


def test_overrides_that_leave_a_key_out_do_not_tell_jobs_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    excluding = "hydra.job.config.override_dirname.exclude_keys=[seed]"
    with pytest.raises(SystemExit):
        ClaimFolder().on_multirun_start(hydra(tmp_path, "hydra.sweep.subdir=${hydra.job.override_dirname}", excluding))
    assert "share one folder" in capsys.readouterr().err


def test_what_goes_wrong_inside_never_passes_as_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        ClaimFolder().on_run_start(hydra(tmp_path, "hydra.run.dir=${no.such.key}"))
    assert stopped.value.code == 1
    assert "no.such.key" in capsys.readouterr().err
