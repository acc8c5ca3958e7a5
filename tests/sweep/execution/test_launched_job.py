"""Jobs of other launchers that start again: what they resume, and what a scheduler's signals do to them."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from lab.core.errors import RunError
from lab.core.record.run_folder import RunFolder
from lab.sweep.execution import launched_job
from lab.sweep.execution.job import Interrupted
from lab.sweep.execution.launched_job import run_launched

OBJECTIVE = {"metric": "val/loss", "mode": "min", "value": 0.25, "epoch": 1, "step": 4}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    result = RunFolder(tmp_path / "multirun" / "s" / "3")
    result.path.mkdir(parents=True)
    return result


def launched(run: RunFolder, work: Callable[[DictConfig], float | None], launcher: str = "submitit_slurm") -> Any:
    """Return what the job of a launcher returns for `work`."""
    hydra = {
        "mode": "MULTIRUN",
        "sweep": {"dir": "multirun/s"},
        "runtime": {"output_dir": str(run.path), "cwd": str(Path.cwd()), "choices": {"hydra/launcher": launcher}},
    }
    before = HydraConfig.instance().cfg
    HydraConfig.instance().cfg = OmegaConf.create({"hydra": hydra})
    try:
        return run_launched(OmegaConf.create({"resume": None}), work)
    finally:
        HydraConfig.instance().cfg = before


def record(run: RunFolder, status: str, **fields: Any) -> None:
    known = {"status": status, "reason": "r", "failure": None, "objective": OBJECTIVE} | fields
    (run.path / "run.json").write_text(json.dumps(known))


@pytest.fixture
def plain_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records with the fields that a job reads, and no others."""
    monkeypatch.setattr(RunFolder, "read", lambda self: json.loads((self.path / "run.json").read_text()))


def test_a_first_start_does_all_of_the_work(run: RunFolder) -> None:
    seen = list[Any]()
    assert launched(run, lambda config: seen.append(config.resume) or 0.5) == 0.5
    assert seen == [None]


@pytest.mark.usefixtures("plain_records")
def test_a_later_start_resumes_from_the_checkpoint(run: RunFolder) -> None:
    record(run, "interrupted")
    run.last.parent.mkdir()
    run.last.touch()
    seen = list[Any]()
    launched(run, lambda config: seen.append(config.resume), "ray")
    assert seen == [str(run.path)]


@pytest.mark.usefixtures("plain_records")
def test_what_was_left_without_a_checkpoint_is_set_aside(run: RunFolder) -> None:
    for times in (1, 2):
        record(run, "interrupted")
        (run.path / "history.jsonl").write_text("{}\n")
        (run.path / "train.log").write_text("begun")
        seen = list[Any]()
        launched(run, lambda config: seen.append((config.resume, sorted(path.name for path in run.path.iterdir()))))  # noqa: B023
        assert seen == [(None, [".lock", "train.log"])]
        assert sorted(path.name for path in Path(f"multirun/s/.cut/3-{times}").iterdir()) == [
            "history.jsonl",
            "run.json",
        ]


@pytest.mark.usefixtures("plain_records")
def test_a_job_that_had_ended_is_not_carried_out_again(run: RunFolder) -> None:
    record(run, "completed")
    assert launched(run, lambda _: pytest.fail("it trains again")) == 0.25
    record(run, "failed", reason="out of memory", failure="oom")
    with pytest.raises(RunError, match="out of memory") as failed:
        launched(run, lambda _: pytest.fail("it trains again"))
    assert failed.value.kind == "oom"


def test_a_job_that_waited_until_the_study_had_started_its_trial_again_does_nothing(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launched_job, "has_other_attempt", lambda: True)
    with pytest.raises(Interrupted, match="in another job"):
        launched(run, lambda _: pytest.fail("it trains"))


@contextmanager
def handled(number: int, handler: Callable[..., None]) -> Iterator[None]:
    """Set a handler as submitit does in a job, and check that the job leaves it as it was."""
    before = signal.signal(number, handler)
    try:
        yield
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_an_announced_end_stops_the_work_and_then_asks_for_another_start(
    run: RunFolder, number: signal.Signals
) -> None:
    order = list[str]()

    def submitit(_number: int, _frame: object) -> None:
        order.append("requeue")
        raise SystemExit(-1)

    def work(_: DictConfig) -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            order.append("checkpoint")
            signal.raise_signal(signal.SIGTERM)  # a second signal does not disturb the record
            order.append("record")
            raise

    with handled(signal.SIGUSR2, submitit), pytest.raises(SystemExit):
        launched(run, work)
    assert order == ["checkpoint", "record", "requeue"]


def test_a_job_that_is_not_started_again_returns_to_the_study_with_the_reason(run: RunFolder) -> None:
    def refuse(_number: int, _frame: object) -> None:
        raise RuntimeError("Job not requeued because: timed-out too many times.")

    with handled(signal.SIGUSR2, refuse), pytest.raises(Interrupted, match="timed-out too many times"):
        launched(run, lambda _: signal.raise_signal(signal.SIGUSR2))


def test_sigterm_returns_the_trial_to_the_study_and_not_to_the_scheduler(run: RunFolder) -> None:
    with (
        handled(signal.SIGUSR2, lambda *_: pytest.fail("scancel sends SIGTERM, too")),
        pytest.raises(Interrupted),
    ):
        launched(run, lambda _: signal.raise_signal(signal.SIGTERM))
