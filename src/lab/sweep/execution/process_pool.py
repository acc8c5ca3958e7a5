"""Trials in processes of their own, forked from a server that has the heavy imports done.

The controller forks the server once; the server imports `preload` and then forks one child a job (some 25 ms against
7 s cold), so that an out-of-memory kill or a leak ends one trial only. Children sit outside the terminal's process
group, so Ctrl-C reaches the controller alone, and they die with it: the server notices that its socket closes, and
the kernel (PR_SET_PDEATHSIG) kills it and them when it cannot. Linux; imports nothing heavy itself.
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
"""StopRequest long a trial that was asked to end may take to write its record before it is killed."""

_GONE = (BrokenPipeError, ConnectionResetError)
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

    work: called in the child as `work(job, connection)`, inherited by the fork and so never pickled; what it returns
    is. slots: jobs at once; preload: modules the server imports; gpus: names for CUDA_VISIBLE_DEVICES, shared out one
    a slot; threads: of each job's libraries; prepare: called in the server before the first job.
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
        return self.slots - len(self.running)

    def open(self) -> None:
        """Fork the server, if there is none. The sooner the better: a fork takes the controller's threads' locks, not
        its threads, so libraries that start some (torch's, for a GP) are best still asleep."""
        if self._server is None:
            self._begin()

    def start(self, number: int, job: object, timeout_s: float | None = None) -> None:
        """Run `work(job)` in a free slot. timeout_s: asked to end after that, killed `GRACE_S` later."""
        self.open()
        assert self._server is not None
        slot = next(slot for slot in range(self.slots) if all(one.slot != slot for one in self.running.values()))
        ours, theirs = socket.socketpair()
        env = {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]} if self.gpus else {}
        connection = Connection(ours.detach())
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        self.running[number] = _Running(slot, connection, deadline, oom_kills())
        with theirs, suppress(*_GONE):  # a server or trial that was killed meanwhile: `wait` tells of it
            socket.send_fds(self._server, [fork_server.pack({"start": number, "env": env})], [theirs.fileno()])
            theirs.close()
            connection.send(job)

    def wait(self, timeout_s: float = 0.5) -> list[TrialMessage | TrialExit]:
        """What happened, after at most `timeout_s`; deadlines are kept here, so call it at least once a second."""
        assert self._server is not None
        self._keep_deadlines()
        events: list[TrialMessage | TrialExit] = []
        open_ones = {one.connection: number for number, one in self.running.items() if one.open}
        for ready in wait([self._server, *open_ones], timeout_s):
            if ready is self._server:
                events += self._ended()
            else:
                number = open_ones[ready]  # type: ignore[index]
                if number in self.running:
                    events += self._heard(number)
        return events

    def answer(self, number: int, reply: object) -> None:
        """Answer what a trial said; one that has died meanwhile needs none."""
        one = self.running.get(number)
        if one is None:  # its end is being told as well
            return
        try:
            one.connection.send(reply)
        except _GONE:
            one.open = False

    def stop(self, number: int, how: StopRequest) -> None:
        """Ask a trial to end; one that does not is killed after `GRACE_S`."""
        one = self.running.get(number)
        if one is None:  # its end is being told: the server was lost, and others with it
            return
        if one.requested is None or how == "kill":
            one.requested = one.requested or how
            one.kill_at = min(one.kill_at, time.monotonic() + GRACE_S) if how != "kill" else float("inf")
            one.deadline = float("inf")
            self._tell({"signal": number, "which": int(_SIGNALS[how])})

    def close(self) -> None:
        """End what still runs, in order, and the server."""
        if self._server is None:
            return
        for number in list(self.running):
            self.stop(number, "stop")
        while self.running:
            for event in self.wait(0.5):
                if isinstance(event, TrialMessage):
                    self.answer(event.number, None)
        self._end_server()

    def _begin(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        controller = os.getpid()
        with passing_on():  # the study is locked until its trials are gone too
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

    def _tell(self, message: Mapping[str, object]) -> None:
        assert self._server is not None
        with suppress(*_GONE):  # its end is read in `wait`
            self._server.send(fork_server.pack(message))

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        for number, one in list(self.running.items()):
            if now >= one.kill_at:
                self.stop(number, "kill")
            elif now >= one.deadline:
                self.stop(number, "timeout")

    def _heard(self, number: int) -> list[TrialMessage | TrialExit]:
        """One message of a trial. Its result is kept until its process has ended."""
        one = self.running[number]
        try:
            kind, message = one.connection.recv()
        except (EOFError, OSError):  # also in the middle of a message
            one.open = False
            return []
        if kind == "result":
            one.result, one.has_result = message, True
            return []
        return [TrialMessage(number, message)]

    def _ended(self) -> list[TrialMessage | TrialExit]:
        assert self._server is not None
        try:
            packet = self._server.recv(fork_server.PACKET)
        except ConnectionResetError:  # it left commands unread; what it said last is still there
            packet = self._server.recv(fork_server.PACKET)
        if not packet:
            return self._server_lost()
        message = fork_server.unpack(packet)
        if "broken" in message:
            raise RunError(f"the trials' server could not make ready what they need: {message['broken']}")
        status, number = int(message["status"]), int(message["ended"])
        return self._gone(number, _how_it_died(status), self._who(number, status))

    def _who(self, number: int, status: int) -> KilledBy:
        """Who ended a trial with this wait status. A kill for want of memory is put down to one trial only."""
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return "itself"
        now = oom_kills()
        if now == self.running[number].oom_kills:
            return "outside"
        for one in self.running.values():
            one.oom_kills = now
        return "memory"

    def _gone(self, number: int, died: str | None, by: KilledBy) -> list[TrialMessage | TrialExit]:
        one = self.running[number]
        events: list[TrialMessage | TrialExit] = []
        while one.open and not one.has_result and one.connection.poll():
            events += self._heard(number)  # what it said last counts
        one.connection.close()
        del self.running[number]
        died = None if one.has_result else died or "ended without a result"
        return [*events, TrialExit(number, one.result, died, one.requested, by)]

    def _server_lost(self) -> list[TrialMessage | TrialExit]:
        """The server was killed and its children with it; the next start makes a new one."""
        self._end_server()
        died = "killed with its server"
        return [event for number in list(self.running) for event in self._gone(number, died, "outside")]


def _how_it_died(status: int) -> str | None:
    """A wait status in words; None for exit code 0."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.waitstatus_to_exitcode(status)
    return f"ended with exit code {code} and no result" if code else None
