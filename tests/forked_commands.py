"""Runs command lines of train.py and report.py in processes forked from one that has the imports done.

Reads one JSON job a line from standard input: {"words", "folder", "limit_s", "environment", "streams"}. Answers
each with {"code", "output", "errors"}; code is null where the process was killed or did not end within the limit.
`streams` is what the command finds as standard output: `whole`, `closed`, `both closed`, `full`, `no reader`, or an
encoding (`ascii`, `latin-1`) that raises for other signs. A command with other streams than `whole` ends with the
interpreter's shutdown, as a process of its own does.
"""

import io
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

from hydra.core.plugins import Plugins

from lab.training.baselines import at_end

WITH_FITTED = "baselines.enabled=true"
"""The word of a command that fits baselines, which the others do not: few tests are about them, and a run's command is
what was typed."""
ROOT = Path(__file__).resolve().parents[1]
IMPORTED = (
    "lab.data.text.datamodule", "lab.report.build", "lab.training.evaluate", "lab.training.tasks.text_classification",
    "lab.training.train", "lab.models.text.transformer", "matplotlib.backends.backend_agg", "pandas",
    "transformers.models.bert.modeling_bert",
)  # fmt: skip


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


def set_streams(kind: str) -> None:
    """Change standard output, and standard error where it is affected too, as a shell would have."""
    if kind in ("closed", "both closed"):
        os.close(1)
        sys.stdout = sys.__stdout__ = None  # type: ignore[assignment,misc]
    if kind == "both closed":
        os.close(2)
        sys.stderr = sys.__stderr__ = None  # type: ignore[assignment,misc]
    if kind == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    if kind == "no reader":
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        # those of this process were opened on files, in which one can seek
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False)  # type: ignore[misc]
    if kind in ("ascii", "latin-1"):
        for stream in (sys.stdout, sys.stderr):
            assert isinstance(stream, io.TextIOWrapper)
            stream.reconfigure(encoding=kind, errors="strict")


def main() -> None:
    """Answer jobs until the input ends. In a forked child it leaves by SystemExit."""
    for name in IMPORTED:
        import_module(name)
    fitted = at_end.fitted
    at_end.fitted = lambda *about: fitted(*about) if WITH_FITTED in sys.argv else iter(())
    Plugins.instance()  # Hydra looks through all its plugins once
    for line in sys.stdin:
        requested = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            child = os.fork()
            if child == 0:
                os.dup2(output.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                os.chdir(requested["folder"])
                os.environ |= requested["environment"]
                set_streams(requested["streams"])
                signal.alarm(requested["limit_s"])
                code = job(requested["words"])
                if requested["streams"] != "whole":
                    sys.exit(code)  # the interpreter's shutdown flushes the streams, and may fail there
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)  # saves the time that the shutdown takes
            _, status = os.waitpid(child, 0)
            said = []
            for file in (output, errors):
                file.seek(0)
                said.append(file.read().decode("latin-1" if requested["streams"] == "latin-1" else "utf-8", "replace"))
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
            print(json.dumps({"code": code, "output": said[0], "errors": said[1]}), flush=True)


main()
