"""Rank 0's side of a run in several processes: it starts the others, tells them what to do, and ends them.

The processes of one machine are started early, so that their imports run beside the reading of the data. What they
print goes into `rank_N.log` of the run folder, which is removed if it is empty. They end with this process: they read
its standard input, which is closed when it ends, however it ends.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from lab.config.schema import Config, TrainerConfig
from lab.core.errors import RunError
from lab.core.machine_faults import MachineError
from lab.core.processes import announcements
from lab.core.processes.world import World, num_ranks, started_outside
from lab.core.record.run_folder import RunFolder
from lab.training.build.strategy import gpu_index
from lab.training.build.trainer import Hardware
from lab.training.ranks.arrival import Missing, Patience
from lab.training.ranks.meeting import Meeting, is_lost, share_weights
from lab.training.ranks.watch import watching
from lab.training.session import num_threads, resume_command

log = logging.getLogger(__name__)
JOIN = "lab.training.ranks.join"
"""The module that every other rank of this machine runs."""
LAST_WORD_S = 3.0
"""Seconds in which the reason of a rank that failed must have arrived."""
END_S = 20.0
"""Seconds that the other ranks may take to end after the run."""
LOOPBACK = "127.0.0.1"


def world_of(config: TrainerConfig) -> World | None:
    """The world of rank 0; None for a run on one device. Its port is 0 where `lab` starts the other processes."""
    size = num_ranks(config.devices, config.num_nodes)
    if size == 1:
        return None
    return started_outside(os.environ) or World(0, size, 0, size, LOOPBACK, 0, "lab")


@dataclass
class Ranks:
    """The other ranks of the run of this process, which is rank 0."""

    meeting: Meeting
    run: RunFolder
    message: Mapping[str, Any]
    """What each fit needs: the config and where the run is."""
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    """The processes that `lab` has started, by rank."""

    @property
    def world(self) -> World:
        """This process among them."""
        return self.meeting.world

    @contextmanager
    def fit(self, model: nn.Module, **message: Any) -> Iterator[None]:
        """Let the other ranks take part in the fit of the block. message: what they need besides the config.

        Raises RunError with the reason of the rank that failed first, MachineError where its process was ended,
        KeyboardInterrupt where it did not answer after a stop from outside.
        """
        on_gpu = self.message["accelerator"] == "gpu"
        with watching(self.processes) as watch:
            try:
                number = self.meeting.send({"kind": "fit", **self.message, **message})
                self._await_others(number)
                with self.meeting.group(number, on_gpu):
                    if self.message["config"]["cache"]["hidden_states"]:
                        share_weights(model)
                    yield
            except RuntimeError as error:
                if watch.was_needed:
                    raise KeyboardInterrupt from error
                if not isinstance(error, RunError) and (failure := self._failure(LAST_WORD_S, error)) is not None:
                    raise failure from error
                raise

    def _await_others(self, number: int) -> None:
        """Wait until the other ranks are ready for message `number`. Raises RunError if one has failed or is late."""
        patience = Patience(self.world, self.meeting.opened_s, time.monotonic())

        def look(missing: Missing) -> None:
            if (failure := self._failure(0.0)) is not None:
                raise failure
            try:
                line = patience.notice(missing, time.monotonic())
            except MachineError as late:
                raise MachineError(f"{late}{self._resume()}") from None
            if line is not None:
                log.info("%s", line)

        self.meeting.await_ready(number, look)

    def _failure(self, patience_s: float, own: Exception | None = None) -> RunError | None:
        """The error of another rank, as it has reported it, or as the end of its process shows, or `own` error."""
        until = time.monotonic() + patience_s
        while True:
            for rank, reported in self.meeting.failures().items():
                return RunError(f"rank {rank}: {reported['reason']}", reported["failure"])  # type: ignore[arg-type]
            dead = {rank: code for rank, each in self.processes.items() if (code := each.poll()) is not None}
            for rank, code in sorted(dead.items(), key=lambda each: each[1]):  # the killed before those that lost them
                how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                return MachineError(f"the process of rank {rank} {how}{self._advice(rank)}")
            if time.monotonic() >= until:
                break
            time.sleep(0.05)
        if own is None or not is_lost(own):
            return None
        return MachineError(f"the connection to another rank was lost{self._resume()}")

    def _advice(self, rank: int) -> str:
        output = log_file(self.run, rank)
        printed = f"; it printed {output}" if output.is_file() and output.stat().st_size else ""
        return printed + self._resume()

    def _resume(self) -> str:
        return f"; to resume: {resume_command(self.run)}" if self.run.last.exists() else ""


def log_file(run: RunFolder, rank: int) -> Path:
    """The file with what a rank prints, of the ranks that `lab` starts."""
    return run.path / f"rank_{rank}.log"


@contextmanager
def started(config: Config, run: RunFolder, where: Hardware) -> Iterator[Ranks | None]:
    """The other ranks of a run for the duration of the block; None for a run on one device."""
    world = world_of(config.trainer)
    if world is None:
        yield None
        return
    message = {
        "config": config.model_dump(mode="json", exclude={"sweep"}),
        "folder": str(run.path.absolute()),
        "working_folder": str(Path.cwd()),
        "accelerator": where.accelerator,
        "precision": where.precision,
    }
    with _environment(config.trainer, world) as environment:
        if where.accelerator == "gpu":
            torch.cuda.set_device(gpu_index(config.trainer, world))
        ranks = Ranks(Meeting(world), run, message)
        with _processes(ranks, run, environment):
            yield ranks


@contextmanager
def _environment(config: TrainerConfig, world: World) -> Iterator[dict[str, str]]:
    """This process's variables for the duration of the block, which the other ranks get too."""
    before = dict(os.environ)
    if (threads := num_threads(config)) is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # Lightning would set another number at the start of a fit
    if world.starter == "lab" and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a machine's own name may have no address
    try:
        yield dict(os.environ)
    finally:
        for name in {*os.environ} - {*before}:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _processes(ranks: Ranks, run: RunFolder, environment: Mapping[str, str]) -> Iterator[None]:
    """Start the ranks of this machine, unless torchrun or SLURM has; let all end after the block."""
    outputs: list[Path] = []
    try:
        if ranks.world.starter == "lab":
            for rank in range(1, ranks.world.size):
                outputs.append(log_file(run, rank))
                with outputs[-1].open("ab") as output:
                    ranks.processes[rank] = _process(ranks.world, rank, environment, output)
        yield
        ranks.meeting.send({"kind": "end"})
        _await_end(ranks.processes)
    finally:
        for process in ranks.processes.values():
            process.kill()
            process.wait()
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
        for path in outputs:
            with suppress(OSError):
                if path.stat().st_size == 0:
                    path.unlink()


def _process(world: World, rank: int, environment: Mapping[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a rank with the variables that torchrun would set."""
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world.size, "LOCAL_WORLD_SIZE": world.size}
    place = {"MASTER_ADDR": world.address, "MASTER_PORT": world.port}
    variables = {**environment, **{name: str(value) for name, value in (own | place).items()}}
    command = [sys.executable, "-m", JOIN]
    with announcements.blocked():  # rank 0 ends the run, after a checkpoint of all
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=variables)


def _await_end(processes: Mapping[int, subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + END_S
    for rank, process in processes.items():
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("rank %d has not ended %.0f s after the run, and is killed", rank, END_S)
