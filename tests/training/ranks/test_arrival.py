"""A rank that does not come ends the run after a limit, with a line that names it; nothing is left half-written."""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab.core.errors import RunError
from lab.core.machine_faults import MachineError
from lab.core.processes.world import World
from lab.training.ranks import arrival
from lab.training.ranks.arrival import Missing, Patience, reach

NODES = World(0, 4, 0, 2, "node7", 29500, "torchrun")
SCRIPT = Path(__file__).resolve().parents[3] / "train.py"
IMPATIENT = """
import sys
from lab.training.ranks import arrival
arrival.START_S, arrival.NOTICE_S = 3.0, 0.5
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script with shorter limits."""


def test_a_line_says_who_is_missing_and_how_long_the_run_waits() -> None:
    patience, missing = Patience(NODES, 100.0, 150.0), Missing((2, 3), (1,))
    assert patience.notice(missing, 169.0) is None
    line = patience.notice(missing, 171.0)
    assert line is not None
    assert "ranks 2-3 of 4 did not connect to node7:29500" in line
    assert "in 529 s" in line
    assert patience.notice(missing, 172.0) is None, "it is said once"
    line = patience.notice(Missing((), (1,)), 180.0)
    assert line == "waiting for data and model of rank 1, for at most 1770 s"


def test_ranks_that_did_not_connect_end_the_run() -> None:
    patience = Patience(NODES, 100.0, 150.0)
    patience.notice(Missing((3,)), 699.0)
    with pytest.raises(MachineError, match=r"rank 3 of 4 .*within 600 s: start .*torchrun --nnodes=2 .*MASTER_ADDR"):
        patience.notice(Missing((3,)), 700.0)


def test_ranks_that_connected_have_longer() -> None:
    patience = Patience(NODES, 100.0, 5000.0)
    patience.notice(Missing((), (1, 3)), 6799.0)
    with pytest.raises(MachineError, match=r"ranks 1, 3 connected, and had no data and model 1800 s after rank 0"):
        patience.notice(Missing((), (1, 3)), 6800.0)


def test_a_rank_says_where_it_looks_for_rank_zero(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(arrival, "START_S", 0.3)
    monkeypatch.setattr(arrival, "NOTICE_S", 0.0)
    world = World(1, 2, 0, 1, "127.0.0.1", free_port(), "slurm")
    with caplog.at_level(logging.WARNING), pytest.raises(RunError, match=r"rank 1 could not .*refused.*MASTER_PORT"):
        reach(world)
    assert [f"waits for rank 0 at 127.0.0.1:{world.port}" in line for line in caplog.messages] == [True]


def test_rank_zero_alone_of_two_machines_ends_by_itself(tmp_path: Path) -> None:
    """A process of about 8 s: it imports everything anew."""
    run, port = tmp_path / "run", free_port()
    step = {
        "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    words = [
        "data.num_rows=110", "trainer.devices=1", "trainer.num_nodes=2", "trainer.strategy=ddp", "logger=csv",
        "model=tiny", "baselines.enabled=false", f"hydra.run.dir={run}",
    ]  # fmt: skip
    command = [sys.executable, "-c", IMPATIENT, str(SCRIPT), *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, env={**os.environ, **step})
    assert ended.returncode == 1, ended.stderr
    said = f"rank 1 of 2 did not connect to 127.0.0.1:{port} within 3 s: start the same line on each machine"
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "interrupted"
    assert said in record["reason"]
    assert not list(run.glob("rank_*.log"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
