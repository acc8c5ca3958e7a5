"""train.py with a stand-in for `lab.training` that trains nothing: real processes and folders, trials of some
milliseconds.

The value of epoch e is a function of the learning rate and e. LAB_TOY (JSON) says how long an epoch takes and what
befalls which trial: {"epoch_s": .05, "faults": {"2": "nan"}}. An epoch leaves its number in last.ckpt, as a real one
does its weights, and a line in done.txt.
"""

import ctypes
import errno
import json
import os
import resource
import runpy
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

from lab.config.schema import Config
from lab.core.errors import Mistake, RunError
from lab.core.files import write_whole
from lab.core.machine_faults import MachineRefusal, machine_error
from lab.core.record.run_folder import RunFolder
from lab.core.record.seal import sealed
from lab.sweep.reporting.process_reporter import connected
from lab.sweep.reporting.reporter import Report


def value_of(lr: float, epoch: int) -> float:
    return round(0.5 + 100 * lr - 0.01 * (2 - epoch) ** 2, 9)


def befall(fault: str | None, run: RunFolder) -> None:
    if fault == "nan":
        raise RunError("the loss is not finite", "nan")
    if fault == "memory":
        raise MemoryError("17 GiB")
    if fault == "sys.exit":
        sys.exit(5)
    if fault == "exit":
        os._exit(7)
    if fault == "kill" or (fault == "killed once" and not killed_before(run)):
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hang":
        time.sleep(600)
    if fault == "deaf":
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
    if fault == "quota":
        raise OSError(errno.EDQUOT, "Disk quota exceeded", str(run.last))
    if fault == "share":
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected", str(run.last))
    if fault == "gpu":
        raise MachineRefusal(Mistake("trainer.accelerator", "torch sees no GPU", "trainer.accelerator=auto", "gpu"))
    if fault == "disk":
        fill_the_disk(run)


def killed_before(run: RunFolder) -> bool:
    mark = run.path / "killed"
    known = mark.exists()
    mark.touch()
    return known


def fill_the_disk(run: RunFolder) -> None:
    """A disk of 64 KiB of this process's own below its checkpoints; without the rights, its own limit on files."""
    checkpoints = str(run.last.parent).encode()
    libc, private, nothing = ctypes.CDLL(None), 0x44000, ctypes.c_char_p()
    if (
        libc.unshare(0x20000) == 0
        and libc.mount(b"none", b"/", nothing, private, nothing) == 0
        and libc.mount(b"none", checkpoints, b"tmpfs", 0, b"size=64k") == 0
    ):
        print("a disk of 64 KiB")
    else:
        print("a limit of 64 KiB on files")
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
    run.last.write_bytes(bytes(2**20))


def train(config: Config, folder: Path, command: str, sweep: dict[str, Any] | None, shared: Path) -> float:
    toy = json.loads(os.environ["LAB_TOY"])
    run, reporter = RunFolder(folder), connected()
    assert sweep is not None
    assert folder.is_relative_to(shared)
    fault = toy.get("faults", {}).get(str(sweep["trial"]))
    begun = 0 if config.resume is None else int(run.last.read_text()) + 1
    objective = {**config.objective.model_dump(), "value": None, "epoch": None, "step": None}
    run.start(command=command, objective=objective, seed=config.seed, sweep=sweep)
    run.config.write_text(sealed("name: toy\n"))
    values = [value_of(config.optimizer.lr, epoch) for epoch in range(config.trainer.max_epochs)]
    run.last.parent.mkdir(exist_ok=True)
    status, reason = "completed", "all epochs done"
    try:
        for epoch in range(begun, 0 if (folder / "ending").exists() else len(values)):
            time.sleep(toy.get("epoch_s", 0.02))
            if epoch == 1:
                befall(fault, run)
            assert reporter is not None
            if fault == "unlogged":
                reporter.unlogged("val/f1", ("val/f1_macro", "val/loss"))
            ended_for = reporter.report(Report(epoch + 1, values[epoch], epoch, len(values)))
            with (folder / "done.txt").open("a") as file:
                file.write(f"{epoch} {values[epoch]} {os.environ.get('CUDA_VISIBLE_DEVICES')}\n")
            for checkpoint in (run.best, run.last):
                write_whole(checkpoint, lambda partial, epoch=epoch: partial.write_text(str(epoch)))  # as real ones are
            if ended_for is not None:
                status, reason = "terminated", ended_for
                (folder / "ending").touch()  # a real trial stores this in its checkpoint
                if fault == "killed in its test":
                    os.kill(os.getpid(), signal.SIGKILL)
                break
    except BaseException as error:
        ended = "interrupted" if isinstance(error, KeyboardInterrupt) or machine_error(error) else "failed"
        kind = "oom" if isinstance(error, MemoryError) else getattr(error, "kind", "error")
        run.update(status=ended, reason=str(error), failure=kind if ended == "failed" else None)
        raise
    run.update(status=status, reason=reason, objective={**objective, "value": max(values)})
    if fault == "killed when over":
        os.kill(os.getpid(), signal.SIGKILL)
    return max(values)


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    package = types.ModuleType("lab.training")
    package.__path__ = []
    sys.modules["lab.training"] = package
    for name, function in {"train": "train", "evaluate": "retest"}.items():
        stand_in = sys.modules[f"lab.training.{name}"] = types.ModuleType(f"lab.training.{name}")
        setattr(stand_in, function, train)
    runpy.run_path(sys.argv[0], run_name="__main__")
