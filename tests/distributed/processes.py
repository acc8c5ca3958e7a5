"""Runs cases of `cases.py` in several processes that train together (DDP with gloo on the loopback), as torchrun would
start them: `processes.py FOLDER CASE,... NUMBER...`.

Each case is run with each number of processes; process `rank` of it writes what the case returns to
FOLDER/CASE-NUMBER-RANK.json. The imports are done once, before the processes are forked.
"""

import json
import os
import signal
import socket
import sys
import traceback
from itertools import product
from pathlib import Path
from typing import Any

import cases

LIMIT_S = 300
"""Seconds until a process that waits for another one is ended."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def environment(rank: int, number: int, port: int) -> dict[str, str]:
    """The variables by which Lightning knows that the processes are there already."""
    if number == 1:
        return {}
    return {
        "LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip


def fork(case: str, folder: Path, number: int, rank: int, port: int) -> int:
    if child := os.fork():
        return child
    signal.alarm(LIMIT_S)
    os.environ |= environment(rank, number, port)
    code = 1
    try:
        result: dict[str, Any] = getattr(cases, case)(number, folder)
        (folder / f"{case}-{number}-{rank}.json").write_text(json.dumps(result), encoding="utf-8")
        code = 0
    except BaseException:  # noqa: BLE001  the parent has no other way to know
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main(folder: Path, names: list[str], numbers: list[int]) -> int:
    failed = 0
    for case, number in product(names, numbers):
        port = free_port()
        children = [fork(case, folder, number, rank, port) for rank in range(number)]
        failed += sum(os.waitpid(child, 0)[1] != 0 for child in children)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(","), [int(number) for number in sys.argv[3:]]))
