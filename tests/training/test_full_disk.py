"""A real run on a real disk that becomes full: one line, nothing is lost, and the run resumes once there is space."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[2] / "train.py"
SCRIPT = """
mount -t tmpfs -o size=4m none small && shift || exit 77
"$@" hydra.run.dir=small/r > first.txt 2>&1 &
while [ ! -f small/r/checkpoints/last.ckpt ] && kill -0 $!; do sleep 0.1; done
dd if=/dev/zero of=small/filler bs=1k 2> /dev/null
wait $!; echo $? > code.txt
rm small/filler
"$1" "$2" resume=small/r trainer.max_epochs=40 > second.txt 2>&1; echo $? >> code.txt
cp small/r/history.jsonl small/r/run.json .
"""


@pytest.mark.slow
def test_a_run_on_a_full_disk_ends_with_one_line_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small").mkdir()
    run = [sys.executable, str(TRAIN), "model=ngram", "model.buckets=2000", "data.num_rows=200",
           "trainer.max_epochs=1000", "logger=[csv,tensorboard]", "trainer.threads=1"]  # fmt: skip
    done = subprocess.run(["unshare", "-m", "sh", "-c", SCRIPT, "sh", "", *run], timeout=120, check=False)
    if done.returncode and not Path("code.txt").exists():
        pytest.skip("needs the right to mount a disk")
    first, second = Path("first.txt").read_text(), Path("second.txt").read_text()
    assert Path("code.txt").read_text().split() == ["1", "0"], first + second
    assert "Traceback" not in first
    assert "Logging error" not in first
    (line,) = [line for line in first.splitlines() if line.startswith("This machine cannot continue: ")]
    assert "No space left on device" in line
    assert line.endswith(f"once there is room again: {Path(sys.executable).name} {TRAIN} resume={tmp_path}/small/r")
    epochs = [json.loads(line)["epoch"] for line in Path("history.jsonl").read_text().splitlines()]
    assert epochs == list(range(len(epochs)))
    assert json.loads(Path("run.json").read_text())["status"] == "completed"
