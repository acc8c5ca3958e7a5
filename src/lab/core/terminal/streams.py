"""Standard output and error: texts contain no commands to the terminal, and no write fails because the stream lacks a
character or has no reader.
"""

import atexit
import io
import logging
import os
import re
import sys

from lab.core.masking import masked

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, characters that change the direction of writing, halves of a character."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str, keep: str = "") -> str:
    """Return `text` with the characters escaped that a terminal would obey; those in `keep` stay.

    >>> escaped("kind \\x1b[2J")
    'kind \\\\x1b[2J'
    """

    def named(match: re.Match[str]) -> str:
        sign, code = match[0], ord(match[0])
        return sign if sign in keep else _SHORT.get(sign) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")

    return _UNSEEN.sub(named, text)


class Formatter(logging.Formatter):
    """Formats every line of the log, on the terminal and in train.log, without passwords of URLs (`lab.core.masking`)
    and without characters that a terminal obeys (`escaped`); line ends and tabs stay."""

    def format(self, record: logging.LogRecord) -> str:
        return escaped(masked(super().format(record)), keep="\n\t")


def settle() -> None:
    """Prepare standard output and error: no write fails for a missing character, stream or reader."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: the next opened file would get its number
            _to_nowhere(number)
            stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    atexit.register(_let_go)


def _let_go() -> None:
    """Flush; a reader that has ended (`| head`) does not make a finished command fail."""
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
