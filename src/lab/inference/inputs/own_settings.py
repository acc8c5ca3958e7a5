"""How a new text file is read where nothing is typed: as the files of the run were, if it is written like them.

A file that is UTF-8 is read as UTF-8 whatever the run's files were; one without the run's delimiter in its header is
read with the usual one. Cost: one pass over the bytes of a file, only if the run's files were not UTF-8.
"""

import logging
from dataclasses import replace
from pathlib import Path

from lab.core.hydra_quoting import quoted
from lab.data.readers.encodings import try_encoding
from lab.data.readers.file_bytes import open_text, sep_line_delimiter, utf_16_variant
from lab.inference.inputs.interface import Settings

log = logging.getLogger(__name__)
_HEADER_BYTES = 1 << 16


def settings_of(path: Path, settings: Settings) -> Settings:
    """Return the settings to read a text file with, and say which are the run's."""
    own, result = settings.own, replace(settings, own=None)
    if own is None:
        return result
    if not _is_utf_8(own.encoding) and not _reads_as_utf_8(path):
        result = replace(result, encoding=own.encoding)
    if settings.delimiter is None and own.delimiter is not None and _has_delimiter(path, own.delimiter):
        result = replace(result, delimiter=own.delimiter)
    taken = {name: getattr(result, name) for name in ("encoding", "delimiter")}
    words = [quoted(name, value) for name, value in taken.items() if value != getattr(settings, name)]
    if words:
        log.info("%s is read as the files of the run: %s", path.name, " ".join(words))
    return result


def _is_utf_8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")


def _reads_as_utf_8(path: Path) -> bool:
    """Whether a file is UTF-8, apart from a few lines, which are then rejected alone."""
    if utf_16_variant(path):
        return False
    lines = try_encoding(path, "utf-8")
    return len(lines.wrong) <= lines.num_beyond_ascii


def _has_delimiter(path: Path, delimiter: str) -> bool:
    """Whether the header has the delimiter. A first line `sep=` names its own."""
    with open_text(path) as file:
        first = file.readline(_HEADER_BYTES).replace(b"\0", b"")
    return sep_line_delimiter(first.decode("latin-1").strip("\r\n")) is None and delimiter.encode() in first
