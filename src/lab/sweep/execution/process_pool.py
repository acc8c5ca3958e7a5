"""Trials in processes of their own, forked from a server that has done the heavy imports.

The controller forks the server once; the server imports `preload` and then forks one child per job (some 25 ms instead
of 7 s), so that an out-of-memory kill or a leak ends one trial only. Children are outside the terminal's process group,
so Ctrl-C reaches only the controller. They end with it: the server notices that its socket closes, and the kernel
(PR_SET_PDEATHSIG) kills all of them where the server cannot. Linux only; imports nothing heavy itself.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from lab.core.errors import RunError
from lab.core.locks import passing_on
from lab.sweep.execution import fork_server
from lab.sweep.execution.messages import KilledBy, StopRequest, TrialExit, TrialMessage
from lab.sweep.execution.oom_kills import oom_kills

GRACE_S = 20.0
"""Seconds that a trial has to write its record after a request to end; then it is killed."""

_DISCONNECTED = (BrokenPipeError, ConnectionResetError)
_SIGNALS = {"stop": signal.SIGTERM, "timeout": fork_server.TIMEOUT, "kill": signal.SIGKILL}


@dataclass
class _Running:
    slot: int
    connection: Connection
    deadline: float
    oom_kills: int
    kill_at: float = float("inf")
    requested: StopRequest | None = None
    result: Any = None
    has_result: bool = False
    open: bool = True


@dataclass
class Pool:
    """Slots for concurrent jobs.

    work: called in the child as `work(job, connection)`; the fork inherits it, so only its result is pickled. slots:
    jobs at once; preload: modules that the server imports; gpus: values of CUDA_VISIBLE_DEVICES, one per slot in turn;
    threads: of each job's libraries; prepare: called in the server before the first job.
    """

    work: Callable[[Any, Connection], Any]
    slots: int
    preload: Sequence[str] = ()
    gpus: Sequence[str] = ()
    threads: int | None = None
    prepare: Callable[[], object] | None = None
    running: dict[int, _Running] = field(default_factory=dict)
    _server: socket.socket | None = None
    _pid: int = 0

    def free(self) -> int:
        """Return the number of free slots."""
        return self.slots - len(self.running)

    def open(self) -> None:
        """Fork the server, if there is none.

        Call it early: a fork copies the locks of the controller's threads but not the threads, so libraries that start
        threads (torch, for a GP) should not have started them yet.
        """
        if self._server is None:
            if fork_server.has_initialised_cuda():
                problem = "CUDA is initialised in this process (by a plug-in?), and then no forked trial can use a GPU"
                raise RunError(f"{problem}: use CUDA in functions that a trial calls, not while a module is imported")
            self._fork_server()

    def start(self, number: int, job: object, timeout_s: float | None = None) -> None:
        """Run `work(job)` in a free slot. timeout_s: after that time it gets SIGTERM, and SIGKILL `GRACE_S` later."""
        self.open()
        assert self._server is not None
        slot = next(slot for slot in range(self.slots) if all(job.slot != slot for job in self.running.values()))
        ours, theirs = socket.socketpair()
        env = {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]} if self.gpus else {}
        connection = Connection(ours.detach())
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        self.running[number] = _Running(slot, connection, deadline, oom_kills())
        with theirs, suppress(*_DISCONNECTED):  # a killed server or trial: `wait` reports it
            socket.send_fds(self._server, [fork_server.pack({"start": number, "env": env})], [theirs.fileno()])
            theirs.close()
            connection.send(job)

    def wait(self, timeout_s: float = 0.5) -> list[TrialMessage | TrialExit]:
        """Return what happened, after at most `timeout_s`. Call it at least once a second: it checks deadlines, too."""
        assert self._server is not None
        self._check_deadlines()
        events: list[TrialMessage | TrialExit] = []
        open_connections = {running.connection: number for number, running in self.running.items() if running.open}
        for ready in wait([self._server, *open_connections], timeout_s):
            if ready is self._server:
                events += self._server_events()
            else:
                number = open_connections[ready]  # type: ignore[index]
                if number in self.running:
                    events += self._receive(number)
        return events

    def answer(self, number: int, reply: object) -> None:
        """Answer a trial's message; a trial that has died in the meantime needs no answer."""
        running = self.running.get(number)
        if running is None:  # its exit is among the same events
            return
        try:
            running.connection.send(reply)
        except _DISCONNECTED:
            running.open = False

    def stop(self, number: int, how: StopRequest) -> None:
        """Ask a trial to end; if it does not, it is killed after `GRACE_S`."""
        running = self.running.get(number)
        if running is None:  # the server was lost, and the exit is among the events that are being handled
            return
        if running.requested is None or how == "kill":
            running.requested = running.requested or how
            running.kill_at = min(running.kill_at, time.monotonic() + GRACE_S) if how != "kill" else float("inf")
            running.deadline = float("inf")
            self._send({"signal": number, "which": int(_SIGNALS[how])})

    def close(self) -> None:
        """End all running trials in an orderly way, and the server."""
        if self._server is None:
            return
        for number in list(self.running):
            self.stop(number, "stop")
        while self.running:
            for event in self.wait(0.5):
                if isinstance(event, TrialMessage):
                    self.answer(event.number, None)
        self._end_server()

    def _fork_server(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        controller = os.getpid()
        with passing_on():  # the study stays locked until its trials have ended, too
            self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            fork_server.serve(theirs, self.work, self.preload, self.threads, controller, self.prepare)
        theirs.close()
        self._server = ours

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            os.waitpid(self._pid, 0)

    def _send(self, message: Mapping[str, object]) -> None:
        assert self._server is not None
        with suppress(*_DISCONNECTED):  # `wait` reports its end
            self._server.send(fork_server.pack(message))

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for number, running in list(self.running.items()):
            if now >= running.kill_at:
                self.stop(number, "kill")
            elif now >= running.deadline:
                self.stop(number, "timeout")

    def _receive(self, number: int) -> list[TrialMessage | TrialExit]:
        """Receive one message of a trial. Its result is kept until its process has ended."""
        running = self.running[number]
        try:
            kind, message = running.connection.recv()
        except (EOFError, OSError):  # also in the middle of a message
            running.open = False
            return []
        if kind == "result":
            running.result, running.has_result = message, True
            return []
        return [TrialMessage(number, message)]

    def _server_events(self) -> list[TrialMessage | TrialExit]:
        assert self._server is not None
        try:
            packet = self._server.recv(fork_server.PACKET)
        except ConnectionResetError:  # it left commands unread; its last packet is still there
            packet = self._server.recv(fork_server.PACKET)
        if not packet:
            return self._server_lost()
        message = fork_server.unpack(packet)
        if "broken" in message:
            raise RunError(f"the trials' server could not prepare what they need: {message['broken']}")
        status, number = int(message["status"]), int(message["ended"])
        return self._exit_of(number, _cause_of_death(status), self._killed_by(number, status))

    def _killed_by(self, number: int, status: int) -> KilledBy:
        """Return what ended a trial with this wait status. A kill by the kernel for lack of memory counts for one trial
        only."""
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return "itself"
        now = oom_kills()
        if now == self.running[number].oom_kills:
            return "outside"
        for running in self.running.values():
            running.oom_kills = now
        return "memory"

    def _exit_of(self, number: int, died: str | None, by: KilledBy) -> list[TrialMessage | TrialExit]:
        running = self.running[number]
        events: list[TrialMessage | TrialExit] = []
        while running.open and not running.has_result and running.connection.poll():
            events += self._receive(number)  # its last messages count
        running.connection.close()
        del self.running[number]
        died = None if running.has_result else died or "ended without a result"
        return [*events, TrialExit(number, running.result, died, running.requested, by)]

    def _server_lost(self) -> list[TrialMessage | TrialExit]:
        """Handle the loss of the server and all its children; the next start forks a new one."""
        self._end_server()
        died = "killed with its server"
        return [event for number in list(self.running) for event in self._exit_of(number, died, "outside")]


def _cause_of_death(status: int) -> str | None:
    """Return how a process died, in words; None for exit code 0."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.waitstatus_to_exitcode(status)
    return f"ended with exit code {code} and no result" if code else None
