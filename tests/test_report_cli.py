"""report.py as a person types it: files, exit codes, every mistake at once, no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from .report.conftest import write_run

ROOT = Path(__file__).parents[1]


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "report.py"), *words], cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for rate in (1e-3, 1e-2, 1e-1):
        for seed in (1, 2):
            config = {"optimizer.lr": rate, "data.batch_size": 16 * seed}
            write_run(tmp_path / "runs" / f"{rate}-{seed}", (0.5, 0.6 + rate + seed / 100), seed=seed, config=config)
    return tmp_path


def test_a_report_from_the_command_line(runs: Path) -> None:
    done = typed(runs, "runs=runs", "lang=es")
    assert done.returncode == 0, done.stderr
    made = {path.relative_to(runs / "report").as_posix() for path in (runs / "report").rglob("*") if path.is_file()}
    assert {
        "index.html", "runs.csv", "best_per_group.csv", "stats_per_group.csv", "report.md", "experiment/best.yaml",
        "figures/accuracy_vs_lr.png", "figures/accuracy_vs_lr.svg",
    } <= made  # fmt: skip
    assert "Elegida en validación: la ejecución 0.1-2" in done.stderr
    assert "python train.py --config-dir report experiment=best" in done.stderr
    assert not (runs / "outputs").exists()
    again = typed(runs, "runs=runs")
    assert again.returncode == 0, again.stderr


def test_every_mistake_is_reported_at_once_with_exit_code_2(runs: Path) -> None:
    done = typed(runs, "runs=runs", "lang=fr", "outptu=x", "top_k=0", "statistics.confidence=95")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for words in ("lang=fr", "the nearest is output", "top_k=0", "statistics.confidence=95"):
        assert words in done.stderr
    assert not (runs / "report").exists()


@pytest.mark.parametrize("words", [["runs=nowhere"], [], ["runs=empty"]])
def test_nothing_to_report_on(runs: Path, words: list[str]) -> None:
    (runs / "empty").mkdir()
    done = typed(runs, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.startswith("This request has 1 mistake:\n  runs")


def test_no_torch_is_imported(runs: Path) -> None:
    code = (
        "import sys, runpy; sys.argv = ['report.py', 'runs=runs']\n"
        f"try: runpy.run_path({str(ROOT / 'report.py')!r}, run_name='__main__')\n"
        "except SystemExit as ended: assert ended.code == 0, ended.code\n"
        "print(sorted({'torch', 'lightning', 'transformers', 'wandb', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=runs, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_report_that_cannot_be_written_fails_with_exit_code_1(runs: Path) -> None:
    done = typed(runs, "runs=runs", "output=/proc/nowhere/report")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "The report failed: the report cannot be written" in done.stderr


def test_help_and_config_are_shown(runs: Path) -> None:
    assert "runs=multirun/lr_study" in typed(runs, "--help").stdout
    shown = typed(runs, "--cfg", "job")
    assert (shown.returncode, "chance_margin: 0.05" in shown.stdout) == (0, True)
