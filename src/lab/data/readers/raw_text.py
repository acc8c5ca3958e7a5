"""What the bytes of a text file say before it is parsed: signs that a parser reads otherwise than they are meant.

Cost: some .1 s per 100 MB, once a file.
"""

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_PIECE = 1 << 20
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""A first line that tells a spreadsheet how cells are parted."""


@dataclass(frozen=True)
class Signs:
    """nul_line: the line of the first NUL; lone_returns: carriage returns without a line feed, in a file that has line
    feeds; escaped_quotes: quotes behind a backslash."""

    nul_line: int | None
    lone_returns: bool
    escaped_quotes: bool


def open_text(path: Path, encoding: str | None = None) -> IO[Any]:
    """A file, gzipped or not, as bytes or, with an encoding, as text with its own line ends and no UTF-8 mark."""
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    if encoding is None:
        file: IO[Any] = opener(path, "rb")
    else:
        file = opener(path, "rt", encoding=without_mark(encoding), newline="")
    return file


def without_mark(encoding: str) -> str:
    """UTF-8 as the codec that leaves a mark at a file's start out."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def signs(path: Path, encoding: str) -> Signs:
    """One pass over a file's bytes. Raises UnicodeError for one that is not in an encoding of several bytes a sign."""
    nul_line, lines, returns, pairs, quotes = None, 0, 0, 0, False
    for piece in _pieces(path, encoding):
        if nul_line is None and (at := piece.find(b"\0")) >= 0:
            nul_line = lines + piece.count(b"\n", 0, at) + 1
        lines += piece.count(b"\n")
        returns += piece.count(b"\r")
        pairs += piece.count(b"\r\n")
        quotes = quotes or b'\\"' in piece
    return Signs(nul_line, lines > 0 and pairs < returns, quotes)


def hinted_delimiter(path: Path, encoding: str) -> str | None:
    """The delimiter that a first line `sep=;` names; None where there is no such line."""
    try:
        with open_text(path, encoding) as file:
            found = _HINT.fullmatch(file.readline(100))
    except UnicodeError:  # told when the file is read
        return None
    return found[1] if found else None


def wide_encoding(path: Path) -> str | None:
    """UTF-16 by its mark or, without one, by the zeros that every other byte is; None for anything else."""
    with open_text(path) as file:
        start: bytes = file.read(4096)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    half = len(start) // 2
    zeros = [start[place::2].count(0) for place in (0, 1)]
    if half and max(zeros) > 0.4 * half > 4 * min(zeros):
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return None


def _pieces(path: Path, encoding: str) -> Iterator[bytes]:
    """A file's bytes, in UTF-8 where ASCII signs take several bytes in its own encoding; no pair of signs is cut."""
    ascii_like = "a".encode(encoding) == b"a" or codecs.lookup(encoding).name == "utf-8-sig"
    kept = b""
    with open_text(path) if ascii_like else open_text(path, encoding) as file:
        while some := file.read(_PIECE):
            piece = kept + (some if isinstance(some, bytes) else some.encode("utf-8", "surrogatepass"))
            kept = piece[-1:] if piece[-1:] in (b"\r", b"\\") else b""
            yield piece[: len(piece) - len(kept)]
    yield kept


def read_lines(path: Path, encoding: str, skipped: int = 0) -> Iterator[str]:
    """A file's lines with their ends, as Python's csv module takes them. skipped: lines left out at the start."""
    with open_text(path, encoding) as file:
        assert isinstance(file, io.TextIOBase)
        for number, line in enumerate(file):
            if number >= skipped:
                yield line
