"""Slots, GPUs and deaths of real forked processes; the work is a function of this file."""

import os
import signal
import struct
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.core.errors import RunError
from lab.core.openmp import SHARED
from lab.sweep.execution import fork_server as server
from lab.sweep.execution import process_pool
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.execution.process_pool import Pool

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def work(job: str, connection: Connection) -> str:
    if job == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "exit":
        os._exit(7)
    if job == "deaf":
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        connection.send(("message", "deaf from here on"))
        time.sleep(600)
    if job == "torn":
        os.write(connection.fileno(), struct.pack("!i", 100) + b"half a message")
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "last words":
        connection.send(("message", "last words"))
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "wait":
        connection.send(("message", os.getpid()))
        connection.recv()
    return f"{job} {os.environ.get('CUDA_VISIBLE_DEVICES')} {os.environ.get('OMP_NUM_THREADS')}"


@pytest.fixture
def pools() -> Iterator[list[Pool]]:
    made: list[Pool] = []
    yield made
    for pool in made:
        pool.close()


def ends(pool: Pool) -> dict[int, TrialExit]:
    gone = {}
    while pool.running:
        for event in pool.wait():
            if isinstance(event, TrialExit):
                gone[event.number] = event
            else:
                pool.answer(event.number, None)
    return gone


def message_of(pool: Pool) -> TrialMessage:
    while True:
        for event in pool.wait():
            assert isinstance(event, TrialMessage)
            return event


def test_each_slot_has_a_gpu_of_its_own(pools: list[Pool]) -> None:
    pool = Pool(work, 2, gpus=("3", "5"))
    pools.append(pool)
    pool.start(0, "wait")
    first = message_of(pool)
    pool.start(1, "wait")
    message_of(pool)
    assert pool.free() == 0
    pool.answer(first.number, None)
    while not pool.free():
        pool.wait()
    pool.start(2, "again")
    pool.answer(1, None)
    results = {number: gone.result for number, gone in ends(pool).items()}
    assert results[1].startswith("wait 5 ")
    assert results[2].startswith("again 3 ")


def test_more_slots_than_gpus_share_them(pools: list[Pool]) -> None:
    pool = Pool(work, 3, gpus=("0", "1"))
    pools.append(pool)
    for number in range(3):
        pool.start(number, "go")
    assert sorted(gone.result.split()[1] for gone in ends(pool).values()) == ["0", "0", "1"]


def test_how_a_process_died_and_by_whom(pools: list[Pool], monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([4, 4, 4, 4])
    monkeypatch.setattr(process_pool, "oom_kills", lambda: next(kills))
    pool = Pool(work, 1)
    pools.append(pool)
    for job, died, by in (
        ("kill", "killed by SIGKILL", "outside"),
        ("exit", "ended with exit code 7 and no result", "itself"),
    ):
        pool.start(0, job)
        (gone,) = ends(pool).values()
        assert (gone.died, gone.by, gone.result) == (died, by, None)


def test_a_kill_for_lack_of_memory_is_distinguished_from_one_by_hand(
    pools: list[Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter([4, 4, 5, 5])  # at the start and at the death of both trials
    monkeypatch.setattr(process_pool, "oom_kills", lambda: next(kills))
    pool = Pool(work, 2)
    pools.append(pool)
    pool.start(0, "kill")
    pool.start(1, "kill")
    assert sorted(gone.by for gone in ends(pool).values()) == ["memory", "outside"]


def test_a_killed_server_ends_its_trials_and_the_next_start_forks_a_new_one(pools: list[Pool]) -> None:
    pool = Pool(work, 2)
    pools.append(pool)
    pool.start(0, "wait")
    trial = message_of(pool).message
    server = int(Path(f"/proc/{trial}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(server, signal.SIGKILL)
    pool.start(1, "late")  # not noticed yet
    gone = ends(pool)
    assert {(one.died, one.by) for one in gone.values()} == {("killed with its server", "outside")}
    assert sorted(gone) == [0, 1]
    pool.start(2, "again")
    assert ends(pool)[2].result.startswith("again")
    stat = Path(f"/proc/{trial}/stat")
    while stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        time.sleep(0.01)


def test_trials_of_a_lost_server_can_be_stopped_and_answered_until_their_exits_are_handled(pools: list[Pool]) -> None:
    pool = Pool(work, 2)
    pools.append(pool)
    for number in range(2):
        pool.start(number, "wait")
        message_of(pool)
    os.kill(pool._pid, signal.SIGKILL)
    events: list[TrialMessage | TrialExit] = []
    while not events:
        events = pool.wait()
    assert sorted(event.number for event in events) == [0, 1]
    pool.stop(1, "stop")
    pool.answer(1, None)


def test_a_library_that_the_controller_has_loaded_gets_its_number_of_threads(
    pools: list[Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a sampler used torch on one thread."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch = SimpleNamespace(
        set_num_threads=lambda threads: os.environ.update(CUDA_VISIBLE_DEVICES=f"set {threads}"),
        cuda=SimpleNamespace(is_initialized=lambda: False),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    pool = Pool(work, 1, threads=3)
    pools.append(pool)
    pool.start(0, "go")
    assert ends(pool)[0].result == "go set 3 3"


@pytest.mark.parametrize("limited", [False, True])
def test_jobs_know_the_cores_they_share_unless_a_person_limited_them(
    pools: list[Pool], monkeypatch: pytest.MonkeyPatch, limited: bool
) -> None:
    """A cache that all other jobs wait for may be built on all cores (`cache.hidden_states`)."""
    for name in server._THREAD_LIMITS:
        monkeypatch.delenv(name, raising=False)
    if limited:
        monkeypatch.setenv("MKL_NUM_THREADS", "1")
    pool = Pool(lambda job, _: os.environ.get(SHARED), 1, threads=1)
    pools.append(pool)
    pool.start(0, "go")
    assert ends(pool)[0].result == (None if limited else str(len(os.sched_getaffinity(0))))


def test_whole_messages_before_a_kill_count_and_half_a_message_does_not(pools: list[Pool]) -> None:
    pool = Pool(work, 2)
    pools.append(pool)
    pool.start(0, "last words")
    pool.start(1, "torn")
    time.sleep(0.5)  # both exits and the messages before them are ready at once
    events: list[TrialMessage | TrialExit] = []
    while pool.running:
        events += pool.wait()
    assert [event.message for event in events if isinstance(event, TrialMessage)] == ["last words"]
    assert isinstance(next(event for event in events if event.number == 0), TrialMessage)
    assert sorted(event.died for event in events if isinstance(event, TrialExit)) == ["killed by SIGKILL"] * 2  # type: ignore[type-var]


@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_a_process_that_ignores_a_stop_is_killed(pools: list[Pool], monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(process_pool, "GRACE_S", 0.3)
    pool = Pool(work, 1)
    pools.append(pool)
    pool.start(0, "deaf", 600)
    message_of(pool)
    if how == "stop":
        pool.stop(0, "stop")
    else:
        pool.running[0].deadline = time.monotonic()
    (gone,) = ends(pool).values()
    assert (gone.died, gone.requested) == ("killed by SIGKILL", how)


def test_a_server_names_the_import_that_failed(pools: list[Pool]) -> None:
    pool = Pool(work, 1, preload=("lab.no_such_module",))
    pools.append(pool)
    pool.start(0, "go")
    with pytest.raises(RunError, match=r"lab\.no_such_module"):
        ends(pool)
