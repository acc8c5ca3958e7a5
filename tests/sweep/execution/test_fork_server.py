"""A real forked server never initialises CUDA: the processes forked from it afterwards could not use a GPU.

Not run on a GPU here: torch is made to see one, and what would initialise CUDA writes a line into a file.
"""

import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from lab.core.errors import RunError
from lab.sweep.execution.messages import TrialExit
from lab.sweep.execution.process_launcher import modules_to_preload
from lab.sweep.execution.process_pool import Pool

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"


def work(job: str, connection: Connection) -> str | None:
    return os.environ.get(job)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one line for each call that would initialise CUDA, in this process or in one forked from it."""
    file = tmp_path / "calls.txt"
    file.touch()

    def noted(name: str) -> None:
        with file.open("a") as lines:
            lines.write(f"{name}\n")

    def initialised() -> None:
        noted("initialised")
        torch.cuda._initialized = True

    def available() -> bool:
        if os.environ.get(NVML_CHECK) != "1":
            noted("full check")
        return True

    monkeypatch.setattr(torch.cuda, "_initialized", False)
    # A test before may have counted GPUs: then a CUDA build says of each process forked later that it has no CUDA.
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: False)
    monkeypatch.setattr(torch.cuda, "_lazy_init", initialised)
    monkeypatch.setattr(torch.cuda, "is_available", available)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    return file


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that initialises CUDA when it is imported."""
    (tmp_path / "starts_cuda.py").write_text("import torch\ntorch.cuda.init()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "starts_cuda"
    sys.modules.pop("starts_cuda", None)


def result(pool: Pool, job: str) -> object:
    try:
        pool.start(0, job)
        while True:
            for event in pool.wait():
                assert isinstance(event, TrialExit)
                return event.result
    finally:
        pool.close()


def test_no_shipped_import_initialises_cuda(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NVML_CHECK, raising=False)
    conf = OmegaConf.load(Path(__file__).parents[3] / "conf/hydra/launcher/process.yaml")
    settings = [(key, value) for key, values in conf.preload_by.items() for value in values]
    preload = [*conf.preload, *modules_to_preload(conf.preload_by, settings, has_gpu=True)]
    assert "lab.models.peft.adapters" in preload
    assert result(Pool(work, 1, preload), NVML_CHECK) is None, "a trial makes torch's full check"
    assert calls.read_text() == ""


def test_a_module_that_initialises_cuda_is_refused_by_its_name(calls: Path, module: str) -> None:
    with pytest.raises(RunError, match=rf"importing {module} initialises CUDA.*hydra\.launcher\.preload"):
        result(Pool(work, 1, ["json", module]), NVML_CHECK)
    assert calls.read_text() == "initialised\n"


def test_a_preparation_that_initialises_cuda_is_refused(calls: Path) -> None:
    with pytest.raises(RunError, match="composing the trials' config initialised CUDA"):
        result(Pool(work, 1, prepare=torch.cuda.init), NVML_CHECK)
    assert calls.read_text() == "initialised\n"


def test_a_controller_that_has_initialised_cuda_starts_no_trial(calls: Path) -> None:
    torch.cuda.init()
    with pytest.raises(RunError, match="CUDA is initialised in this process"):
        Pool(work, 1).open()
