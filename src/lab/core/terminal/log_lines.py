"""The lines of the log while a run trains inside somebody's process, where Hydra has set no handlers up.

A notebook or script keeps its own logging: handlers are added for the duration of a block and removed after it.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.core.terminal.streams import Formatter


@contextmanager
def log_lines(terminal: str, file: str | None = None, path: Path | None = None) -> Iterator[None]:
    """Show lines from INFO on at standard error, and append them to `path`, for the duration of the block.

    terminal, file: formats of a line. Where a handler of the root logger writes to the terminal already, there is no
    second one. Raises OSError if the file cannot be opened.
    """
    root, handlers = logging.getLogger(), list[logging.Handler]()
    if not any(_is_terminal(handler) for handler in root.handlers):
        handlers.append(_formatted(logging.StreamHandler(sys.stderr), terminal))
    if file is not None and path is not None:
        handlers.append(_formatted(logging.FileHandler(path, encoding="utf-8"), file))
    level = root.level
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _is_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stderr, sys.stdout)


def _formatted(handler: logging.Handler, text: str) -> logging.Handler:
    handler.setFormatter(Formatter(text))
    return handler
