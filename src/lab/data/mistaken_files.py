"""A file that is not what its name or the request says: a workbook of a spreadsheet, or text in another encoding."""

import codecs
import gzip
import re
import zipfile
from pathlib import Path

from lab.errors import Mistake, quoted

_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_C1 = re.compile(rb"[\x80-\x9f]")
"""Signs in Windows' code page (quotes, dashes, the euro), invisible control characters in latin-1."""
_NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CHUNK = 1 << 20


def workbook(path: Path, key: str) -> Mistake | None:
    """The mistake where a file of rows is a spreadsheet's workbook, by its ending or by its first bytes."""
    if not (path.name.lower().endswith(_WORKBOOKS) or _holds_sheets(path)):
        return None
    remedy = (
        f"save it as CSV (in the spreadsheet: File > Save as > CSV UTF-8), then {quoted(key, path.with_suffix('.csv'))}"
    )
    return Mistake(key, "is a workbook of a spreadsheet, which is not read here", remedy, path)


def other_encoding(path: Path, encoding: str) -> str:
    """What to try for a file that is not in `encoding`: UTF-16 by its mark, else Windows' code page or latin-1."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    windows = strange = False
    with opener(path, "rb") as file:
        first = True
        while some := file.read(_CHUNK):
            assert isinstance(some, bytes)
            if first and some[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                return "utf-16"
            first = False
            windows = windows or _C1.search(some) is not None
            strange = strange or _NOT_WINDOWS.search(some) is not None
    if encoding.lower().replace("-", "") != "utf8":
        return "utf-8"
    return "cp1252" if windows and not strange else "latin-1"


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
