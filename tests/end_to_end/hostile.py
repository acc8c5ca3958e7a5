"""Runs command lines of train.py and report.py in processes forked from one that has the imports done.

Reads one JSON job a line from standard input: {"words", "limit_s"}. Answers each with {"code", "output"}; code is null
where it did not end within the limit.
"""

import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import lab.data.text.datamodule
import lab.report.build
import lab.training.evaluate
import lab.training.tasks.text_classification
import lab.training.train  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]


def job(words: list[str]) -> int:
    """The exit code of one command line; what a traceback prints goes to standard error, as in a process of its own."""
    sys.argv = [str(ROOT / words[0]), *words[1:]]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  a process of its own would print it and end with 1
        traceback.print_exc()
        return 1
    return 0


for line in sys.stdin:
    asked = json.loads(line)
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            signal.alarm(asked["limit_s"])
            code = job(asked["words"])
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        print(json.dumps({"code": code, "output": said.read().decode("utf-8", "replace")}), flush=True)
