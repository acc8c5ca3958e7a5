"""A whole training step waits for the device nowhere; the reads that a CPU has beyond that are known by name."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.speed.host_waits import ON_CPU, ON_GPU, STEP, Steps, Wait, measured, summary, waits_in
from benchmarks.speed.step_operations import CASES
from lab.callbacks.loop.step_metrics import StepMetrics


@dataclass
class Event:
    """As one of torch.profiler."""

    name: str
    start: float
    end: float
    cpu_parent: Any = None

    @property
    def time_range(self) -> SimpleNamespace:
        return SimpleNamespace(start=self.start, end=self.end)


def test_waits_are_counted_inside_the_marked_steps_only() -> None:
    outer = Event("lab/callbacks/mine.py(3): read", 1, 3)
    read = Event("aten::_local_scalar_dense", 2, 3, Event("aten::item", 2, 3, outer))
    events = [Event(STEP, 0, 10), Event(STEP, 20, 30), outer, read, Event("aten::_local_scalar_dense", 12, 13)]
    waits, num = waits_in(events, ON_CPU)
    assert num == 2
    assert waits == [Wait("aten::_local_scalar_dense", ("aten::item", outer.name))]
    assert waits_in([*events, Event("cudaStreamSynchronize", 21, 22)], ON_GPU)[0] == [Wait("cudaStreamSynchronize", ())]
    assert summary(waits, num) == Steps(2, 0.5, 0.0, {outer.name: 0.5})


def test_reads_that_only_a_cpu_has_are_counted_apart() -> None:
    kernel = Wait("aten::_local_scalar_dense", ("aten::item", "aten::_fused_adamw_"))
    assert summary([kernel, kernel, Wait("aten::nonzero", ())], 1) == Steps(
        1, 1.0, 2.0, {"aten::_fused_adamw_": 2.0, "aten::nonzero": 1.0}
    )


@pytest.mark.filterwarnings("ignore")
def test_training_on_texts_waits_nowhere(tmp_path: Path) -> None:
    counted = measured([*CASES["texts, padded"], "trainer.precision=32"], tmp_path)
    assert counted.num_steps == 5
    assert counted.waits_per_step == 0
    assert set(counted.causes) == {"nan_guard.py", "aten::_fused_adamw_"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ["questions, padded", "patchtst, gaps", "inception_time, whole", "timer_xl, gaps"])
def test_training_on_questions_and_series_waits_nowhere(case: str, tmp_path: Path) -> None:
    assert measured([*CASES[case], "trainer.precision=32"], tmp_path).waits_per_step == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_callback_that_reads_the_loss_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: StepMetrics, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        float(outputs["loss"])

    monkeypatch.setattr(StepMetrics, "on_train_batch_end", careless)
    assert measured([*CASES["texts, padded"], "trainer.precision=32"], tmp_path).waits_per_step == 1
