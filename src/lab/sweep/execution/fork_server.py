"""The warm server: imports what trials need, then forks one child a job. Runs in a fork of the controller.

Commands and ends of children go over a SOCK_SEQPACKET socket as JSON, one a packet; a child's own socket comes along
with the command that starts it. Nothing here may start a thread before a fork: a forked child has only one.
"""

import ctypes
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NoReturn

from lab.core.errors import RunError
from lab.core.locks import passing_on
from lab.core.openmp import SHARED

PACKET = 65536
TIMEOUT = signal.SIGUSR1
"""Tells a trial that its time is over."""

_PR_SET_PDEATHSIG = 1
_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
Work = Callable[[Any, Connection], Any]


def pack(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode()


def unpack(packet: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(packet)
    return message


def serve(
    link: socket.socket,
    work: Work,
    preload: Sequence[str],
    threads: int | None,
    controller: int,
    prepare: Callable[[], object] | None = None,
) -> NoReturn:
    """Serve until the controller is gone, then end with every child."""
    try:
        _die_with(controller)
        sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr  # not the live table's
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if threads is not None:
            if not any(name in os.environ for name in _THREAD_LIMITS):
                os.environ[SHARED] = str(len(os.sched_getaffinity(0)))
            for name in _THREAD_LIMITS:
                os.environ.setdefault(name, str(threads))
            if torch := sys.modules.get("torch"):  # loaded by the controller: it no longer looks at these
                torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"].partition(",")[0]))
        try:
            for name in preload:
                importlib.import_module(name)
            if prepare is not None:
                prepare()
        except Exception:
            link.send(pack({"broken": traceback.format_exc()[-PACKET // 2 :]}))
            raise
        gc.collect()
        gc.freeze()
        _Server(link, work).run()
        os._exit(0)
    except BaseException:  # noqa: BLE001  nothing may run the controller's code from here
        traceback.print_exc()
    finally:
        os._exit(1)


class _Server:
    """The loop between forks."""

    def __init__(self, link: socket.socket, work: Work) -> None:
        self.link, self.work = link, work
        self.children: dict[int, int] = {}
        self.woken, self.waker = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(self.waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker)

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([self.link.fileno(), self.woken], [], [])
            if self.woken in ready:
                os.read(self.woken, 4096)
                self._reap()
            if self.link.fileno() in ready:
                packet, descriptors, _, _ = socket.recv_fds(self.link, PACKET, 1)
                if not packet:
                    for pid in self.children.values():
                        _kill_group(pid)
                    return
                self._obey(unpack(packet), descriptors)

    def _obey(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        if "start" in message:
            server = os.getpid()
            with passing_on():
                pid = os.fork()
            if pid == 0:
                self.link.close()
                _be_a_trial(descriptors[0], self.work, message["env"], server, (self.woken, self.waker))
            _lead_a_group(pid)
            os.close(descriptors[0])
            self.children[message["start"]] = pid
        elif message["signal"] in self.children:
            pid, which = self.children[message["signal"]], message["which"]
            if which == signal.SIGKILL:
                _kill_group(pid)
            os.kill(pid, which)

    def _reap(self) -> None:
        for number, pid in list(self.children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.children[number]
                if status:
                    _kill_group(pid)  # loader processes it left behind
                self.link.send(pack({"ended": number, "status": status}))


def _be_a_trial(descriptor: int, work: Work, env: Mapping[str, str], parent: int, unused: Sequence[int]) -> NoReturn:
    code = 1
    try:
        _die_with(parent)
        _lead_a_group(0)
        signal.set_wakeup_fd(-1)
        for other in unused:
            os.close(other)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(TIMEOUT, _time_is_over)
        os.environ.update(env)
        connection = Connection(descriptor)
        job = connection.recv()
        connection.send(("result", work(job, connection)))
        code = 0
    except BaseException:  # noqa: BLE001  nothing may run the server's code from here
        traceback.print_exc()
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _time_is_over(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise RunError("its time was over (trial_timeout)", "timeout")


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when `parent` ends, also if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _lead_a_group(pid: int) -> None:
    """Called on both sides of a fork, so that it holds whichever runs first."""
    with suppress(ProcessLookupError, PermissionError):  # it has ended already
        os.setpgid(pid, pid)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, and nothing it started is left
        os.killpg(pid, signal.SIGKILL)
