"""One contestant in a folder of its own: trained, used, misspelt, killed and resumed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers.contestants import HERE, TYPED, Contestant
from benchmarks.peers.rows import FILES

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 400.0
"""Of one command, in seconds."""
AFTER_CHECKPOINT_S = 2.0
"""From the first checkpoint to the kill, in seconds, if nothing else is given."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where the contestants work. data: folder of the CSV files. places: environment by name. kill_after_s: seconds
    from the first checkpoint to the kill."""

    data: Path
    places: Mapping[str, Path]
    quick: bool
    kill_after_s: float = AFTER_CHECKPOINT_S

    def folder(self, contestant: Contestant, place: Path) -> Path:
        """A new working folder with the data and what is typed."""
        if contestant.files:
            shutil.copytree(TYPED / contestant.files, place)
        else:
            place.mkdir(parents=True)
            for name in ("train.py", "predict.py"):
                (place / name).symlink_to(ROOT / name)
        for name in (*FILES, "new"):
            shutil.copy(self.data / f"{name}.csv", place / f"{name}.csv")
        return place

    def environment(self, contestant: Contestant) -> dict[str, str]:
        """Variables of a command: the programs of its environment come first."""
        place = (
            Path(sys.executable).parent
            if contestant.environment == HERE
            else self.places[contestant.environment] / "bin"
        )
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OMP_NUM_THREADS")}
        kept |= {"PATH": f"{place}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
        return kept | {"PYTHONPATH": str(ROOT / "src")} if contestant.environment == HERE else kept


def ran(
    command: str,
    folder: Path,
    environment: Mapping[str, str],
    killed_at: str | None = None,
    after_s: float = AFTER_CHECKPOINT_S,
) -> Row:
    """One command of bash to its end, or killed without warning: {rc, wall_s, output}; rc -9 is the kill.

    killed_at: pattern of files, the first of which brings the kill `after_s` seconds later.
    """
    with (folder / "output.txt").open("w", encoding="utf-8") as file:
        started = time.monotonic()
        process = subprocess.Popen(
            ["bash", "-c", command], cwd=folder, env=dict(environment), stdout=file, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            if killed_at is None:
                process.wait(LIMIT_S)
            else:
                _wait_for(killed_at, folder, process)
                process.wait(after_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wall_s = time.monotonic() - started
    output = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    return {"rc": process.returncode, "wall_s": round(wall_s, 1), "output": output}


def _wait_for(pattern: str, folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Return when a file is there or the process has ended, at the latest after `LIMIT_S` seconds."""
    ends = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < ends and not any(folder.glob(pattern)):
        time.sleep(0.05)


def work(contestant: Contestant, bench: Bench, place: Path) -> Row:
    """Train, then predict the labels of new rows from the shell: seconds of both, and macro-F1 on the test rows."""
    folder, environment = bench.folder(contestant, place), bench.environment(contestant)
    trained = ran(contestant.command("train", bench.quick), folder, environment)
    if trained["rc"]:
        return {"failed": f"training: {last_line(trained['output'])}"}
    predicted = ran(contestant.command("predict", bench.quick), folder, environment)
    if predicted["rc"]:
        return {"train_s": trained["wall_s"], "failed": f"predictions: {last_line(predicted['output'])}"}
    return {"train_s": trained["wall_s"], "predict_s": predicted["wall_s"], "f1_macro": score(contestant, folder)}


def misspelt(contestant: Contestant, bench: Bench, place: Path) -> Row:
    """A wrong letter in the name of a setting: the exit code, the seconds, and the last line that shows it."""
    folder = bench.folder(contestant, place)
    done = ran(contestant.command("misspelt", bench.quick), folder, bench.environment(contestant))
    return {"rc": done["rc"], "wall_s": done["wall_s"], "answer": last_line(done["output"], contestant.wrong)}


def killed(contestant: Contestant, bench: Bench, place: Path, straight: Path) -> Row:
    """`kill -9` after the first checkpoint, then the command that resumes.

    straight: folder of the uninterrupted training. equal: share of new rows with the same label
    as after the uninterrupted training.
    """
    folder, environment = bench.folder(contestant, place), bench.environment(contestant)
    train = contestant.command("train", bench.quick)
    stopped = ran(train, folder, environment, contestant.checkpoint, bench.kill_after_s)
    if stopped["rc"] != -signal.SIGKILL:
        return {"failed": "the training ended before the kill"}
    resumed = ran(contestant.command("resume", bench.quick), folder, environment)
    row = {"killed_after_s": stopped["wall_s"], "rc": resumed["rc"], "resume_s": resumed["wall_s"]}
    if resumed["rc"]:
        return row | {"answer": last_line(resumed["output"])}
    predicted = ran(contestant.command("predict", bench.quick), folder, environment)
    if predicted["rc"]:
        return row | {"answer": last_line(predicted["output"])}
    one, other = (labels(contestant, each) for each in (folder, straight))
    return row | {"f1_macro": score(contestant, folder), "equal": float((one == other).mean())}


def labels(contestant: Contestant, folder: Path) -> pd.Series:
    """The predicted label of each new row. Raises ValueError where a row has none."""
    table = pd.read_csv(folder / contestant.predictions, dtype=str)
    column = "category" if "category" in table else "category_predictions"
    found = (
        table[column] if column in table else pd.read_csv(folder / contestant.predictions, header=None, dtype=str)[0]
    )
    expected = len(pd.read_csv(folder / "new.csv"))
    if len(found) != expected:
        raise ValueError(f"{contestant.title}: {len(found)} predictions for {expected} rows")
    return found.reset_index(drop=True)


def score(contestant: Contestant, folder: Path) -> float:
    """Macro-F1 of the predictions, by scikit-learn for all."""
    from sklearn.metrics import f1_score

    truth = pd.read_csv(folder / "test.csv", dtype=str)["category"]
    return float(f1_score(truth, labels(contestant, folder), average="macro", zero_division=0))


def last_line(text: str, word: str = "") -> str:
    """The first line with `word` that is no code of a stack trace, if any, else the last that says something.

    Colours and the folders of this machine are left out.
    """
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r", "\n")
    lines = [line for line in plain.splitlines() if re.search(r"\w", line)] or ["no output"]
    with_word = [line for line in lines if word and word in line and not line.startswith("    ")]
    return re.sub(r"(?:/[\w.+@-]+)+/", "", (with_word or lines[-1:])[0].strip())[:200]
