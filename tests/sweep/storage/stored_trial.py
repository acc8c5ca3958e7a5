"""A Hydra application whose jobs stand in for training: any launcher can carry them into any process.

Report n is 100 times the learning rate plus n/100. LAB_FAULTS ({"1": "kill"}) says what befalls which trial;
`together` waits until studies in the folders a and b have both begun a trial, `joined` does so after an epoch and is
slow. The number of epochs done is kept as last.ckpt, so an interrupted trial resumes after them.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

CONF = str(Path(__file__).resolve().parents[3] / "conf")


@hydra.main(config_path=CONF, config_name="config")
def one_job(config: DictConfig) -> float | None:
    from lab.sweep.execution.launched_job import run_launched

    return run_launched(config, trial)


def wait_for_both() -> None:
    while not all(list(Path(folder).glob("*/starts.txt")) for folder in ("a", "b")):
        time.sleep(0.02)


def trial(config: DictConfig) -> float:
    from lab.core.errors import RunError
    from lab.core.record.run_folder import RunFolder
    from lab.sweep.reporting.process_reporter import connected, trial_number
    from lab.sweep.reporting.reporter import Report

    job = HydraConfig.get()
    run, number, reporter = RunFolder(Path(job.runtime.output_dir)), trial_number(int(job.job.num)), connected()
    fault = json.loads(os.environ["LAB_FAULTS"]).get(str(number))
    begun = int(run.last.read_text()) if config.resume is not None else 0
    objective = {"metric": "val/f1_macro", "mode": "max", "value": None, "epoch": None, "step": None}
    run.start(command="", objective=objective, seed=config.seed, sweep={"study": "toy", "trial": number})
    run.last.parent.mkdir(exist_ok=True)
    with (run.path / "starts.txt").open("a") as file:
        file.write("start\n")
    if fault == "together":
        wait_for_both()
    value, status, reason = 0.0, "completed", "all epochs done"
    try:
        for epoch in range(begun, config.trainer.max_epochs):
            time.sleep(0.3 if fault in ("slow", "joined") else 0.01)
            if fault == "joined" and epoch == 1:
                wait_for_both()
            if fault in ("SIGUSR1", "SIGUSR2", "SIGTERM") and epoch == 2 and begun == 0:
                signal.raise_signal(getattr(signal, fault))
            if fault == "lost node" and epoch == 2 and begun == 0:  # SLURM starts the jobs of a lost node again
                subprocess.run(["scontrol", "requeue", os.environ["FAKE_JOB"]], check=True)
                os.kill(os.getpid(), signal.SIGKILL)
            value = 100 * config.optimizer.lr + (epoch + 1) / 100
            if reporter is not None:
                if fault == "unlogged":
                    reporter.unlogged("val/f1", ("val/f1_macro", "val/loss"))
                ended_for = reporter.report(Report(epoch + 1, value, epoch, config.trainer.max_epochs))
                if ended_for is not None:
                    status, reason = "terminated", ended_for
                    break
            if fault == "nan":
                raise RunError("the loss is not finite", "nan")
            if fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            run.last.write_text(str(epoch + 1))
    except BaseException as error:
        ended = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        run.update(status=ended, reason=str(error), failure=getattr(error, "kind", None))
        raise
    run.update(status=status, reason=reason, objective={**objective, "value": value})
    return value


if __name__ == "__main__":
    if "LAB_SILENT_S" in os.environ:
        from lab.sweep.storage import shared_controller

        shared_controller.SILENT_S = float(os.environ["LAB_SILENT_S"])
        shared_controller.HEARTBEAT_S = shared_controller.SILENT_S / 4
        shared_controller.WATCH_S = 2 * shared_controller.HEARTBEAT_S
    one_job()
