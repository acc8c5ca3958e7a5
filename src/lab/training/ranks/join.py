"""Every other rank of a run: it waits for rank 0, trains with it, and writes nothing into the run folder.

`python -m lab.training.ranks.join` is started by rank 0 (`lab.training.ranks.launch`); a process of torchrun or SLURM
calls `join`. Config, folder and precision come from rank 0, so that a command line is read once, by one process.
"""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch

from lab.config import plugins
from lab.config.check import check
from lab.core.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, RequestError, RunError
from lab.core.processes.world import World
from lab.training import tune
from lab.training.build import trainer as parts
from lab.training.build.strategy import gpu_index
from lab.training.faults.out_of_memory import is_out_of_memory
from lab.training.hidden_state_cache import attach_hidden_states
from lab.training.ranks.meeting import Meeting, is_lost, share_weights
from lab.training.ranks.read_only import ReadOnlyRun
from lab.training.session import fit, quiet, settle_machine
from lab.training.tasks.base import refuse_other_data
from lab.training.tasks.select import prepare

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")


def main() -> int:
    """Join the run that has started this process; return the exit code."""
    threading.Thread(target=_end_with_rank_zero, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("lab").setLevel(logging.ERROR)  # rank 0 gives the warnings of a run
    variables = os.environ
    size = int(variables["WORLD_SIZE"])
    rank, port = int(variables["RANK"]), int(variables["MASTER_PORT"])
    return join(World(rank, size, rank, size, variables["MASTER_ADDR"], port, "lab"))


def join(world: World) -> int:
    """Carry out the messages of rank 0 until the run has ended; return the exit code.

    Ctrl-C is left to rank 0, and so is SIGTERM during a fit (`lab.callbacks.loop.interruption`): all ranks end at the
    same step.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        meeting = Meeting(world)
    except RunError as error:
        log.error("%s", error)
        return EXIT_FAILED
    try:
        while (message := meeting.receive())["kind"] != "end":
            _fit(meeting, message)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (RequestError, RunError) as error:
        meeting.report({"reason": str(error), "failure": getattr(error, "kind", "error")})
        return EXIT_FAILED
    except Exception as error:
        if is_lost(error):  # not this rank's failure, which rank 0 sees at the other one
            log.error("the connection to another rank was lost: %s", str(error).partition("\n")[0])
            return EXIT_FAILED
        failure = "oom" if is_out_of_memory(error) else "error"
        meeting.report({"reason": f"{type(error).__name__}: {error}", "failure": failure})
        raise
    return EXIT_DONE


def _fit(meeting: Meeting, message: dict[str, Any]) -> None:
    """Take part in the fit of a message."""
    plugins.load(message["config"].get("plugins") or (), Path(message["working_folder"]))
    config, run = check(message["config"]), ReadOnlyRun(Path(message["folder"]))
    where = parts.Hardware(message["accelerator"], message["precision"], None)
    on_gpu = where.accelerator == "gpu"
    if on_gpu:
        torch.cuda.set_device(gpu_index(config.trainer, meeting.world))
    settle_machine(config)
    material = prepare(config, run, where, fresh=False)
    refuse_other_data("trainer.devices", run.read(), config, material, run)
    tune.apply(config, material, run.read().get("requested") or {})
    meeting.ready(message["number"])
    with meeting.group(message["number"], on_gpu):
        if config.cache.hidden_states:
            share_weights(material.model)
            attach_hidden_states(config, material, where, SPLITS)
        settle_machine(config)
        chosen = parts.callbacks(config, run, reports=False, follows=bool(message["reports"]))
        with quiet():
            trainer = parts.trainer(
                config, where, run.path, chosen, [], material.num_epochs(config), world=meeting.world
            )
        fit(trainer, material.model, material.data, run.last if message["resumes"] else None)


def _end_with_rank_zero() -> None:
    """End as soon as rank 0 has ended, which closes this process's standard input."""
    while os.read(0, 4096):  # not by sys.stdin, whose lock would be held at the end of the process
        pass
    os._exit(EXIT_FAILED)


if __name__ == "__main__":
    sys.exit(main())
