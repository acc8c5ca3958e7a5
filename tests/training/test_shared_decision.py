"""All jobs of a multirun compute in the same precision, also where their own measurements differ."""

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from lab.callbacks import precision
from lab.config.check import check
from lab.config.schema import TrainerConfig
from lab.training.build import trainer as parts
from lab.training.shared_decision import shared_decision

CONF = Path(__file__).parents[2] / "conf"


def trainer_of(override: str) -> TrainerConfig:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", ["model=ngram", "trainer.accelerator=cpu", override])).trainer


def auto(trainer: TrainerConfig, monkeypatch: pytest.MonkeyPatch, speed: float, folder: Path | None) -> parts.Hardware:
    monkeypatch.setattr(precision, "cpu_bf16_speed", lambda: speed)
    return parts.hardware(trainer, shared=folder)


def test_jobs_of_a_multirun_take_the_first_ones_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of("trainer.precision=auto")
    first = auto(trainer, monkeypatch, 2.0, tmp_path)
    assert first.precision == "bf16-mixed"
    later = auto(trainer, monkeypatch, 0.5, tmp_path)
    assert later.precision == first.precision
    assert first.note is not None, "the record must have the precision of auto, because a resume reads it"
    assert later.note is not None
    assert "0.50 x the speed of fp32" in later.note, "a slow precision is logged"
    monkeypatch.setattr(parts.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(precision, "gpu_bf16_speed", lambda: 0.0)
    on_gpu = parts.hardware(trainer.model_copy(update={"accelerator": "gpu"}), shared=tmp_path)
    assert on_gpu.precision == "16-mixed", "the decision of a CPU is not used on a GPU"
    assert auto(trainer, monkeypatch, 0.5, None).precision == "32-true"
    assert auto(trainer, monkeypatch, 0.5, tmp_path / "another").precision == "32-true"


def test_a_given_precision_needs_no_decision(tmp_path: Path) -> None:
    assert parts.hardware(trainer_of("trainer.precision=32"), shared=tmp_path).precision == "32-true"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "bf17\n", "32-tr"])
def test_an_invalid_decision_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "precision").write_text(content)
    assert shared_decision(tmp_path, "precision", {"bf16-mixed"}, lambda: "bf16-mixed") == "bf16-mixed"
    assert shared_decision(tmp_path, "precision", {"bf16-mixed"}, lambda: "never") == "bf16-mixed"


def _job(folder: Path, own: str, decisions: Any) -> None:
    def decide() -> str:
        time.sleep(0.2)
        return own

    decisions.put(shared_decision(folder, "precision", {"a", "b", "c", "d"}, decide))


def test_one_of_several_concurrent_jobs_decides(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    decisions = context.SimpleQueue()
    jobs = [context.Process(target=_job, args=(tmp_path, own, decisions)) for own in "abcd"]
    for job in jobs:
        job.start()
    results = [decisions.get() for _ in jobs]
    for job in jobs:
        job.join()
    assert len(set(results)) == 1
