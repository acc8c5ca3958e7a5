"""A scheduler of one machine in place of SLURM: sbatch, srun, scontrol, scancel and sacct as submitit calls them.

`variables` writes the programs into a folder and returns the PATH by which they are found. Each job is a local process
with the variables of SLURM; the folder has its state. `scontrol requeue` lets a job start again as soon as it has
ended, by the same script. `scancel --signal` sends a signal to all processes of the step, which is what srun has
started, and not to the script.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

PROGRAMS = ("sbatch", "srun", "scontrol", "scancel", "sacct")
LOG = "calls.txt"
"""Lines of what scontrol and scancel were called with."""


def variables(folder: Path) -> dict[str, str]:
    """Write the programs below `folder`; return the variables of a process that finds them."""
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        file = programs / name
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {name} "$@"\n')
        file.chmod(0o755)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "FAKE_SLURM": str(folder)}


def calls(folder: Path) -> list[str]:
    """Return what scontrol and scancel were called with."""
    return (folder / LOG).read_text().splitlines() if (folder / LOG).exists() else []


def home() -> Path:
    return Path(os.environ["FAKE_SLURM"])


def job_folder(job: str) -> Path:
    """The folder of a job, `7`, or of a task of an array, `7_2`."""
    return home() / "jobs" / job


def sbatch(script: str) -> None:
    number = 1
    while True:
        try:
            (home() / "scripts" / str(number)).mkdir(parents=True)
            break
        except FileExistsError:
            number += 1
    text = Path(script).read_text()
    (home() / "scripts" / str(number) / "script.sh").write_text(text)
    array = re.search(r"#SBATCH --array=0-(\d+)", text)
    jobs = [str(number)] if array is None else [f"{number}_{task}" for task in range(int(array[1]) + 1)]
    for job in jobs:
        job_folder(job).mkdir(parents=True)
        (job_folder(job) / "state").write_text("PENDING")
        subprocess.Popen(
            [sys.executable, __file__, "node", job],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=(job_folder(job) / "node.txt").open("w"),
            stderr=subprocess.STDOUT,
        )
    print(f"Submitted batch job {number}")


def node(job: str) -> None:
    """Run a job, again for each requeue."""
    number, _, task = job.partition("_")
    folder, starts = job_folder(job), 0
    script = home() / "scripts" / number / "script.sh"
    own = {
        "SLURM_JOB_ID": number if not task else str(100 * int(number) + int(task)),
        "SLURM_NTASKS": "1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_JOB_NODELIST": "localhost",
        "SLURM_JOB_NAME": "trial",
        **({"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": task} if task else {}),
        "FAKE_JOB": job,
    }
    while True:
        (folder / "state").write_text("RUNNING")
        code = subprocess.call(["bash", str(script)], env={**os.environ, **own, "SLURM_RESTART_COUNT": str(starts)})
        if not (folder / "requeue").exists():
            break
        (folder / "requeue").unlink()
        (folder / "pid").unlink(missing_ok=True)
        (folder / "state").write_text("REQUEUED")
        starts += 1
    (folder / "state").write_text("COMPLETED" if code == 0 else "FAILED")


def srun(arguments: list[str]) -> None:
    """Become the first task of a step."""
    places: dict[str, str] = {}
    while arguments and arguments[0].startswith("--"):
        flag = arguments.pop(0)
        if flag in ("--output", "--error"):
            places[flag] = arguments.pop(0)
    job = os.environ["FAKE_JOB"]
    number, _, task = job.partition("_")
    for flag, descriptor in (("--output", 1), ("--error", 2)):
        path = places[flag].replace("%A", number).replace("%a", task).replace("%j", job).replace("%t", "0")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), descriptor)
    os.environ.update({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"})
    (job_folder(job) / "pid").write_text(str(os.getpid()))
    os.execvp(arguments[0], arguments)


def scontrol(action: str, job: str) -> None:
    assert action == "requeue"
    (job_folder(job) / "requeue").touch()


def scancel(arguments: list[str]) -> None:
    """`scancel JOB --signal NAME`."""
    job, _, name = arguments
    step = psutil.Process(int((job_folder(job) / "pid").read_text()))
    for process in [step, *step.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(getattr(signal, f"SIG{name.removeprefix('SIG')}"))


def sacct(arguments: list[str]) -> None:
    print("JobID|State|NodeList")
    numbers = [number for flag, number in pairwise(arguments) if flag == "-j"]
    for folder in sorted((home() / "jobs").iterdir()):
        if folder.name.partition("_")[0] in numbers:
            print(f"{folder.name}|{(folder / 'state').read_text()}|localhost")


def main() -> None:
    name, *arguments = sys.argv[1:]
    if name in ("scontrol", "scancel"):
        with (home() / LOG).open("a") as file:
            file.write(f"{name} {' '.join(arguments)}\n")
    if name == "sbatch":
        sbatch(*arguments)
    elif name == "node":
        node(*arguments)
    elif name == "srun":
        srun(arguments)
    elif name == "scontrol":
        scontrol(*arguments)
    elif name == "scancel":
        scancel(arguments)
    elif name == "sacct":
        sacct(arguments)
    else:
        sys.exit(f"no such program: {name}")


if __name__ == "__main__":
    main()
