"""A file that is not what its name says: a workbook of a spreadsheet."""

import zipfile
from pathlib import Path

from lab.core.errors import Mistake
from lab.core.hydra_quoting import quoted

_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def workbook(path: Path, key: str) -> Mistake | None:
    """The mistake where a file of rows is a spreadsheet's workbook, by its ending or by its first bytes."""
    if not (path.name.lower().endswith(_WORKBOOKS) or _holds_sheets(path)):
        return None
    remedy = (
        f"save it as CSV (in the spreadsheet: File > Save as > CSV UTF-8), then {quoted(key, path.with_suffix('.csv'))}"
    )
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
