"""The Python API: compose a config, train it here, load a run, list runs. `docs/python_api.md` is its page.

It calls what the command line calls, so defaults, mistakes, run folder and record are the same.
Importing it needs no torch.
"""

from lab.api.in_process import train
from lab.api.request import compose
from lab.api.run import Run, load, runs

__all__ = ["Run", "compose", "load", "runs", "train"]
