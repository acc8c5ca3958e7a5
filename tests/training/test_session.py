"""The context of a run: page faults of large allocations, remedies for too little memory, the command to resume."""

import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from lab.core.errors import RunError
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import RunFolder
from lab.training.provenance import Clock
from lab.training.session import closing, matmul_precision, resume_command


def on_gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], cuda: str | None = "12.8") -> None:
    """Let torch see a GPU; not run on a GPU here."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.version, "cuda", cuda)


def precision(requested: str, accelerator: str = "auto") -> str:
    return matmul_precision(cast(Any, SimpleNamespace(matmul_precision=requested, accelerator=accelerator)))


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), "highest"), ((8, 0), "high"), ((8, 9), "high"), ((12, 0), "high")]
)
def test_matmul_precision_auto_is_tf32_from_ampere_on(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu(monkeypatch, capability)
    assert precision("auto") == expected
    assert precision("auto", accelerator="cpu") == "highest"
    assert precision("medium") == "medium"


def test_matmul_precision_auto_is_full_without_an_nvidia_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu(monkeypatch, (9, 0), cuda=None)
    assert precision("auto") == "highest", "a GPU of AMD, whose capability is another number"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert precision("auto") == "highest"
    assert precision("high") == "high"


FAULTS = """
import ctypes, resource
from lab.training.session import keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes, size = ctypes.c_void_p, [ctypes.c_void_p], 64 * 2**20

def step():
    block = libc.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    libc.free(block)

def faults():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
assert keep_freed_memory()
print(faults(), given_back)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_memory_that_was_freed_is_used_again_without_page_faults() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    kept, given_back = map(int, done.stdout.split())
    assert kept * 10 < given_back


@pytest.mark.parametrize(("part", "remedy"), [("setup", "a smaller model"), ("fit", "smaller batches of training")])
def test_the_remedy_depends_on_whether_the_model_alone_fits_into_memory(tmp_path: Path, part: str, remedy: str) -> None:
    run, clock = RunFolder(tmp_path), Clock()
    run.start(command="python train.py")
    with pytest.raises(RunError, match=remedy) as error, closing(run, clock, []), clock.part(part):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
    assert error.value.kind == "oom"


def test_the_command_to_resume_has_the_script_of_the_last_command(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r r")
    run.path.mkdir()
    run.start(command="python '/opt/my lab/train.py' seed=1")
    assert resume_command(run) == f"python '/opt/my lab/train.py' {quoted('resume', run.path)}"
    run.update(resumed=[{"command": "python ../train.py resume=x", "at": "now"}])
    assert resume_command(run) == f"python ../train.py {quoted('resume', run.path)}"
