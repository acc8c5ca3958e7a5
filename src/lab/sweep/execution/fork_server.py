"""The warm server: it imports what trials need, then forks one child per job. It runs in a fork of the controller.

Commands and ends of children go over a SOCK_SEQPACKET socket as JSON, one per packet; a child's own socket is passed
with the command that starts it. Nothing here may start a thread before a fork: only the forking thread is copied.
Nothing here may initialise CUDA either: its state does not survive a fork, so no trial could use a GPU.
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
"""The signal for a trial whose time limit is over."""

_NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""With the value 1, `torch.cuda.is_available` asks the driver's library and does not initialise CUDA."""
_PR_SET_PDEATHSIG = 1
_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
Work = Callable[[Any, Connection], Any]


def pack(message: Mapping[str, object]) -> bytes:
    """Return a message as the bytes of one packet."""
    return json.dumps(message).encode()


def unpack(packet: bytes) -> dict[str, Any]:
    """Return the message of a packet."""
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
    """Serve until the controller has ended, then end with all children.

    link: the socket to the controller; work: what a child runs; preload: modules to import; threads: of each child's
    libraries; controller: process id; prepare: called once after the imports.
    """
    try:
        _end_with_parent(controller)
        # not the streams that the progress table has replaced
        sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if threads is not None:
            if not any(name in os.environ for name in _THREAD_LIMITS):
                os.environ[SHARED] = str(len(os.sched_getaffinity(0)))
            for name in _THREAD_LIMITS:
                os.environ.setdefault(name, str(threads))
            if torch := sys.modules.get("torch"):  # loaded by the controller, so it does not read these variables again
                torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"].partition(",")[0]))
        try:
            _prepare(preload, prepare)
        except Exception:
            link.send(pack({"broken": traceback.format_exc()[-PACKET // 2 :]}))
            raise
        gc.collect()
        gc.freeze()
        _Server(link, work).run()
        os._exit(0)
    except BaseException:  # noqa: BLE001  the controller's code must not run here
        traceback.print_exc()
    finally:
        os._exit(1)


def _prepare(preload: Sequence[str], prepare: Callable[[], object] | None) -> None:
    """Import the modules and call `prepare`. Raises RunError if one of these has initialised CUDA."""
    before = os.environ.get(_NVML_CHECK)
    os.environ[_NVML_CHECK] = "1"
    for name in preload:
        importlib.import_module(name)
        if has_initialised_cuda():
            problem = f"importing {name} initialises CUDA, and then no trial that is forked here can use a GPU"
            raise RunError(f"{problem}: take it out of hydra.launcher.preload and preload_by")
    if prepare is not None:
        prepare()
        if has_initialised_cuda():
            raise RunError("composing the trials' config initialised CUDA, and then no forked trial can use a GPU")
    if before is None:  # trials make torch's full check
        del os.environ[_NVML_CHECK]
    else:
        os.environ[_NVML_CHECK] = before


def has_initialised_cuda() -> bool:
    """Whether this process has initialised CUDA, so that no process forked from it can use a GPU."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


class _Server:
    """The server's loop: it executes commands and reports the ends of children."""

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
                self._execute(unpack(packet), descriptors)

    def _execute(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        if "start" in message:
            server = os.getpid()
            with passing_on():
                pid = os.fork()
            if pid == 0:
                self.link.close()
                _run_trial(descriptors[0], self.work, message["env"], server, (self.woken, self.waker))
            _make_process_group(pid)
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
                    _kill_group(pid)  # data loader processes of the trial
                self.link.send(pack({"ended": number, "status": status}))


def _run_trial(descriptor: int, work: Work, env: Mapping[str, str], parent: int, unused: Sequence[int]) -> NoReturn:
    code = 1
    try:
        _end_with_parent(parent)
        _make_process_group(0)
        signal.set_wakeup_fd(-1)
        for other in unused:
            os.close(other)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(TIMEOUT, _on_timeout)
        os.environ.update(env)
        connection = Connection(descriptor)
        job = connection.recv()
        connection.send(("result", work(job, connection)))
        code = 0
    except BaseException:  # noqa: BLE001  the server's code must not run here
        traceback.print_exc()
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _on_timeout(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise RunError("its time limit was over (trial_timeout)", "timeout")


def _end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when `parent` ends; end at once if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _make_process_group(pid: int) -> None:
    """Called by parent and child after a fork, so that the group exists whichever runs first."""
    with suppress(ProcessLookupError, PermissionError):  # it has ended already
        os.setpgid(pid, pid)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the whole group has ended
        os.killpg(pid, signal.SIGKILL)
