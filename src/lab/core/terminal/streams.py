"""Standard output and error: never an order to the terminal, never a failure for want of a sign or of a reader."""

import atexit
import io
import logging
import os
import re
import sys

from lab.core.masking import masked

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, ends of lines, signs that turn the direction of writing, halves of a character."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str, keep: str = "") -> str:
    """`text` without a character that a terminal obeys instead of showing it; those in `keep` stay.

    >>> escaped("kind \\x1b[2J")
    'kind \\\\x1b[2J'
    """

    def named(found: re.Match[str]) -> str:
        sign, code = found[0], ord(found[0])
        return sign if sign in keep else _SHORT.get(sign) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")

    return _UNSEEN.sub(named, text)


class Formatter(logging.Formatter):
    """Of every line of the log, on the terminal and in train.log: no password of a URL (`lab.core.masking`), no
    character that a terminal obeys (`escaped`). Our own ends of lines stay."""

    def format(self, record: logging.LogRecord) -> str:
        return escaped(masked(super().format(record)), keep="\n\t")


def settle() -> None:
    """Let no write to standard output or error fail for want of a character, of the stream or of its reader."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: what is opened next would take its number
            _to_nowhere(number)
            stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    atexit.register(_let_go)


def _let_go() -> None:
    """A reader that has left (`| head`) makes no failure of a command that is done."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            _to_nowhere(number)


def _to_nowhere(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
