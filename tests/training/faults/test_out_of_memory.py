"""A run without memory: recorded as failed, with what to type instead, and resumable. Simulated on a CPU."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import lab
from lab.config.schema import Config
from lab.config.schema.callbacks import AccumulateConfig
from lab.core.errors import RunError
from lab.core.record.run_folder import RunFolder
from lab.models.classifier import Classifier
from lab.training.faults.out_of_memory import is_out_of_memory, out_of_memory, remedy

CUDA = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1.20 GiB is "
    "free. Including non-PyTorch memory, this process has 22.43 GiB memory in use. Of the allocated ..."
)
SMALL = ["model=ngram", "model.buckets=2000", "data.num_rows=300", "logger=csv", "baselines.enabled=false",
         "callbacks.curves.png=false", "trainer.max_epochs=3", "trainer.precision=32"]  # fmt: skip


@pytest.fixture(scope="module")
def config() -> Config:
    return lab.compose(["data.batch_size=64", "data.eval_batch_size=48"])


def changed(config: Config, **keys: Any) -> Config:
    """The config with keys of groups replaced: data__batch_size=1."""
    for key, value in keys.items():
        group, name = key.split("__")
        config = config.model_copy(update={group: getattr(config, group).model_copy(update={name: value})})
    return config


@pytest.mark.parametrize(
    ("keys", "part", "expected"),
    [
        ({}, "training", "a new run with data.batch_size=32 trainer.accumulate_grad_batches=2: "),
        ({"trainer__accumulate_grad_batches": 3}, "training", "data.batch_size=32 trainer.accumulate_grad_batches=6: "),
        ({"data__batch_size": 1}, "training", "a shorter data.max_length"),
        (
            {"callbacks__accumulate": AccumulateConfig(schedule={0: 2})},
            "training",
            "32 and twice the micro-batches in ",
        ),
        ({}, "evaluation", "RESUME data.eval_batch_size=24"),
        ({"data__eval_batch_size": 1}, "evaluation", "a batch has one row"),
    ],
)
def test_the_remedy_can_be_typed(keys: dict[str, Any], part: Any, expected: str, config: Config) -> None:
    words = remedy(changed(config, **keys), part, "RESUME")
    assert expected in words
    assert "RESUME" in words
    assert "RESUME" not in remedy(changed(config, **keys), part, None)


def test_before_training_only_the_model_and_the_data_need_memory(config: Config) -> None:
    assert remedy(config, "setup", None).startswith("a smaller model")


def test_a_solved_model_has_no_steps_to_shorten() -> None:
    assert remedy(lab.compose(["model=linear"]), "training", None) == "fewer rows, or fewer features of the model"


def test_a_custom_data_module_has_no_batch_size_here() -> None:
    assert remedy(None, "training", None) == "smaller batches of training in the data module"


def test_what_the_allocator_adds_is_left_out() -> None:
    named = out_of_memory(torch.OutOfMemoryError(CUDA), "training", None, None)
    assert str(named).splitlines()[0].endswith("of which 1.20 GiB is free.")
    assert named.kind == "oom"
    assert "MemoryError" in str(out_of_memory(MemoryError(), "training", None, None))


def test_libraries_of_cuda_have_words_of_their_own() -> None:
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))


def test_out_of_memory_is_distinguished_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ..."))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


@pytest.mark.filterwarnings("ignore")
def test_a_run_without_memory_is_recorded_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, left = Classifier.training_step, []

    def greedy(self: Classifier, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 1 and batch_idx == 2:
            activations = torch.ones(10)
            left.append(weakref.ref(activations))
            raise torch.OutOfMemoryError(CUDA)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(Classifier, "training_step", greedy)
    with pytest.raises(RunError) as caught:
        lab.train(SMALL, tmp_path / "run")
    gc.collect()
    assert left[0]() is None, "the error holds no tensor"
    run = RunFolder(tmp_path / "run")
    record = run.read()
    assert (record["status"], record["failure"]) == ("failed", "oom")
    assert record["reason"] == str(caught.value)
    assert "data.batch_size=32 trainer.accumulate_grad_batches=2" in str(caught.value)
    assert f"resume={tmp_path / 'run'}" in str(caught.value)
    monkeypatch.undo()
    assert lab.train([f"resume={tmp_path / 'run'}"]).status == "completed"
    assert [row["epoch"] for row in run.history()] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_validation_without_memory_resumes_with_smaller_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Classifier.validation_step

    def greedy(self: Classifier, batch: Any, batch_idx: int) -> None:
        if self.current_epoch == 1 and len(batch) > 20:
            raise torch.OutOfMemoryError(CUDA)
        original(self, batch, batch_idx)

    monkeypatch.setattr(Classifier, "validation_step", greedy)
    with pytest.raises(RunError, match=r"in evaluation: .*\n.*data\.eval_batch_size=10"):
        lab.train([*SMALL, "data.eval_batch_size=21"], tmp_path / "run")
    assert lab.train([f"resume={tmp_path / 'run'}", "data.eval_batch_size=10"]).status == "completed"
