"""Checks of a file's bytes before it is parsed: its encoding, workbooks, characters that confuse a parser.

Cost: about 0.1 s per 100 MB, once per file.
"""

import codecs
import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lab.core.errors import Mistake
from lab.core.hydra_quoting import quoted

_PIECE_BYTES = 1 << 20
_SEP_LINE = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)
"""A first line in which a spreadsheet program names the delimiter."""
_WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of a workbook in the format before XLSX."""


@dataclass(frozen=True)
class ByteScan:
    """Result of `scan_bytes`. nul_line: line of the first NUL; lone_returns: carriage returns without a line feed in a
    file that has line feeds; escaped_quotes: quotes after a backslash."""

    nul_line: int | None
    lone_returns: bool
    escaped_quotes: bool


def open_text(path: Path, encoding: str | None = None) -> IO[Any]:
    """Open a file, gzipped or not: as bytes or, with an encoding, as text with its own line ends and no UTF-8 mark."""
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    if encoding is None:
        file: IO[Any] = opener(path, "rb")
    else:
        skips_mark = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        file = opener(path, "rt", encoding=skips_mark, newline="")
    return file


def read_lines(path: Path, encoding: str, skipped: int = 0) -> Iterator[str]:
    """Lines with their ends, as Python's csv module expects them. skipped: lines left out at the start."""
    with open_text(path, encoding) as file:
        assert isinstance(file, io.TextIOBase)
        for number, line in enumerate(file):
            if number >= skipped:
                yield line


def scan_bytes(path: Path, encoding: str) -> ByteScan:
    """Read a file's bytes once. Raises UnicodeError where its encoding uses several bytes per ASCII character and the
    bytes are not in it."""
    nul_line, lines, returns, pairs, quotes = None, 0, 0, 0, False
    for piece in _pieces(path, encoding):
        if nul_line is None and (at := piece.find(b"\0")) >= 0:
            nul_line = lines + piece.count(b"\n", 0, at) + 1
        lines += piece.count(b"\n")
        returns += piece.count(b"\r")
        pairs += piece.count(b"\r\n")
        quotes = quotes or b'\\"' in piece
    return ByteScan(nul_line, lines > 0 and pairs < returns, quotes)


def _pieces(path: Path, encoding: str) -> Iterator[bytes]:
    """A file's bytes, as UTF-8 where its own encoding uses several bytes per ASCII character. A piece never ends
    between the two characters of a counted pair."""
    ascii_like = "a".encode(encoding) == b"a" or codecs.lookup(encoding).name == "utf-8-sig"
    kept = b""
    with open_text(path) if ascii_like else open_text(path, encoding) as file:
        while content := file.read(_PIECE_BYTES):
            piece = kept + (content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
            kept = piece[-1:] if piece[-1:] in (b"\r", b"\\") else b""
            yield piece[: len(piece) - len(kept)]
    yield kept


def sep_line_delimiter(line: str) -> str | None:
    """Return the delimiter that a line `sep=;` names; None for any other line."""
    match = _SEP_LINE.fullmatch(line)
    return match[1] if match else None


def utf_16_variant(path: Path) -> str | None:
    """Detect UTF-16 by its byte order mark or, without one, by zeros in every other byte; None for anything else."""
    with open_text(path) as file:
        start: bytes = file.read(4096)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    half = len(start) // 2
    zeros = [start[place::2].count(0) for place in (0, 1)]
    if half and max(zeros) > 0.4 * half > 4 * min(zeros):
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return None


def workbook_mistake(path: Path, key: str) -> Mistake | None:
    """Return the mistake of a file that is a spreadsheet's workbook, by its ending or its first bytes; else None."""
    if not (path.name.lower().endswith(_WORKBOOK_ENDINGS) or _holds_sheets(path)):
        return None
    text = path.with_suffix(".csv") if path.suffix.lower() != ".csv" else path.with_name(f"{path.stem}_text.csv")
    remedy = f"save it as CSV (in the spreadsheet: File > Save as > CSV UTF-8), then {quoted(key, text)}"
    return Mistake(key, "is a workbook of a spreadsheet, which is not read here", remedy, path)


def _holds_sheets(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(8)
    if start == _OLD_WORKBOOK:
        return True
    if not start.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as parts:
            return any(name.startswith("xl/") or name == "content.xml" for name in parts.namelist())
    except (zipfile.BadZipFile, OSError):
        return False
