"""Torch's threads spin where each has a core to itself, sleep where something else runs, and obey the environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.core import openmp


@pytest.mark.parametrize(
    ("others", "own", "cpus", "expected"),
    [(0, 2, 2, True), (1, 2, 2, False), (1, 1, 2, True), (40, 4, 64, True), (61, 4, 64, False)],
)
def test_quiet_is_a_core_for_every_thread(others: int, own: int, cpus: int, expected: bool) -> None:
    assert openmp.quiet(others, own, cpus) is expected


@pytest.mark.parametrize("given", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_the_environment_has_the_word(given: dict[str, str]) -> None:
    result = dict(given)
    openmp.settle(result)
    assert result == given


@pytest.mark.parametrize(
    ("others", "expected"), [(0, {"GOMP_SPINCOUNT": openmp.SPINS}), (10_000, {"OMP_WAIT_POLICY": "PASSIVE"})]
)
def test_what_runs_decides(others: int, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(openmp, "others_running", lambda: others)
    result: dict[str, str] = {}
    openmp.settle(result)
    assert result == expected


def test_elsewhere_they_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    result: dict[str, str] = {}
    openmp.settle(result)
    assert result == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_the_least_of_a_few_looks_counts_without_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, lines = tmp_path / "loadavg", iter(["0.10 0.20 0.30 3/400 99", "0.10 0.20 0.30 5/400 99"])
    file.write_text("0.10 0.20 0.30 4/400 99\n")
    for number, state in ((1, "R"), (2, "S"), (3, "R")):
        stat = tmp_path / "self" / "task" / str(number) / "stat"
        stat.parent.mkdir(parents=True)
        stat.write_text(f"{number} (python (of R)) {state} 1 2 3")
    monkeypatch.setattr(openmp.time, "sleep", lambda _seconds: file.write_text(next(lines)))
    assert openmp.others_running(tmp_path) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_busy_process_is_seen() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        assert any(openmp.others_running() >= 1 for _ in range(100))
    finally:
        for one in busy:
            one.kill()
            one.wait()
