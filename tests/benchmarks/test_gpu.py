"""`make check-gpu`: one line without a GPU; its arithmetic, and the checks that a CPU can try. Not run on a GPU yet."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.arithmetic import flops_per_token, peak_flops, utilisation
from benchmarks.gpu.numerics import largest_difference, precisions
from benchmarks.gpu.outcome import Outcome, Place, table
from benchmarks.gpu.processes import EXPECTED, groups_in_processes
from benchmarks.gpu.speed import matrices, throughput

ROOT = Path(__file__).parents[2]
ON_A_CPU = {"precisions", "trials", "host_waits", "against_a_loop", "throughput", "fsdp_groups"}


def test_without_a_gpu_it_prints_one_line_and_ends_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    assert command.main() == 0
    assert capsys.readouterr().out == command.NO_GPU + "\n"


def test_a_failed_check_ends_with_1_and_all_are_in_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outcomes = {"precisions": Outcome("failed", "too far"), "trials": Outcome("passed", "both ended")}
    monkeypatch.setattr(command, "_apart", lambda name, _: outcomes[name])
    words = ["gpu", "--device", "cpu", "--only", *outcomes, "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    assert command.main() == 1
    assert "| precisions | failed | too far |" in capsys.readouterr().out
    assert "| trials | passed | both ended |" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [*words[:4], "trials"])
    assert command.main() == 0


def test_a_check_that_dies_is_a_failed_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    monkeypatch.setattr(sys, "argv", ["gpu", "--device", "cpu", "--only", "trials"])
    assert command.main() == 1
    assert "| trials | failed | ended with 1: no output |" in capsys.readouterr().out


def test_flops_of_a_token() -> None:
    assert flops_per_token(trained=100, frozen=0, layers=0, width=8, tokens=16) == 600
    assert flops_per_token(trained=0, frozen=100, layers=1, width=8, tokens=16) == 200 + 12 * 8 * 16 / 3
    whole = flops_per_token(trained=85_000_000, frozen=0, layers=12, width=768, tokens=128)
    assert whole == pytest.approx(6 * 85e6 + 12 * 12 * 768 * 128)
    assert utilisation(whole, 1e5, 312e12) == pytest.approx(1e5 * whole / 312e12)


@pytest.mark.parametrize(
    ("card", "peak"),
    [
        ("NVIDIA H200", 989.4e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("Tesla T4", 65e12),
        ("NVIDIA Unheard", None),
    ],
)
def test_the_peak_of_a_card(card: str, peak: float | None) -> None:
    assert peak_flops(card) == peak


def test_matrices_are_weights_without_embedding_tables() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    model[2].weight.requires_grad = False
    assert matrices(model) == (12, 6)


def test_the_table_has_a_row_for_each_check() -> None:
    rows = table([("one", Outcome("passed", "fine"))]).splitlines()
    assert rows[0] == "| check | status | result |"
    assert rows[2:] == ["| one | passed | fine |"]


def test_the_largest_difference_is_over_all_heads() -> None:
    assert largest_difference([torch.zeros(2), torch.ones(1)], [torch.tensor([0.0, 0.1]), torch.zeros(1)]) == 1.0


@pytest.mark.filterwarnings("ignore")
def test_precisions_agree_on_a_cpu(tmp_path: Path) -> None:
    outcome = precisions(Place("cpu", tmp_path, quick=True))
    assert outcome.status == "passed"
    assert 0 < outcome.values["bf16"] < 3e-2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tokens_per_second_of_a_run(tmp_path: Path) -> None:
    outcome = throughput(Place("cpu", tmp_path, quick=True))
    assert outcome.status == "measured"
    assert outcome.values["tokens_per_s"] > 0
    assert outcome.values["flops_per_token"] > 0


@pytest.mark.slow
def test_fsdp_keeps_rates_and_decay_by_name(tmp_path: Path) -> None:
    assert groups_in_processes(tmp_path, "cpu") == EXPECTED


@pytest.mark.slow
def test_a_cpu_can_try_the_checks() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)
    rows = dict(line.split(" | ")[:2] for line in done.stdout.splitlines() if line.startswith("| "))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name.strip("| ") for name, status in rows.items() if status in ("passed", "measured")} == ON_A_CPU
