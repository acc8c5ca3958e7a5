"""A text file that is not in the requested encoding: the lines that show it, and an encoding that reads all lines.

Any bytes are valid latin-1. So an encoding is proposed only if it reads the file's letters as those of western Europe,
and never if other lines are already UTF-8, which it would misread.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import Mistake, listed
from lab.data.readers.file_bytes import open_text, utf_16_variant

_WESTERN = frozenset(
    "áéíóúàèìòùâêîôûäëïöüãõñçåæœøßýÿðþšžÁÉÍÓÚÀÈÌÒÙÂÊÎÔÛÄËÏÖÜÃÕÑÇÅÆŒØÝŸÐÞŠŽ¿¡ªº°«»“”‘’‚„–—…•·´¨€£¢§©®™±²³µ½¼¾×\u00a0"
)
_RUN = re.compile(rb"[\x80-\xff]{3,}")
"""Three or more characters beyond ASCII in a row: a word of another alphabet."""
_MAX_SAMPLES = 1000
"""Lines that are used to detect their encoding."""
_WESTERN_SHARE, _MAX_RUN_SHARE = 0.98, 0.2
"""Smallest share of characters that are western; largest share of characters in runs."""
_CHANCE_SHARE = 0.1
"""Up to this number of UTF-8 lines per line that is not, they may be UTF-8 by chance."""
_UNKNOWN = "NAME, the encoding of the program that wrote it: cp1251, shift_jis, gb18030, mac-roman"


@dataclass(frozen=True)
class DecodedLines:
    """Result of `try_encoding`. num: lines of the file; wrong: numbers of the lines that are not in the encoding,
    counted from 1; samples: the first of them; num_beyond_ascii: lines in the encoding that are not pure ASCII."""

    num: int
    wrong: Sequence[int]
    samples: Sequence[bytes]
    num_beyond_ascii: int


def wrong_encoding(path: Path, key: str, encoding: str, setting: str = "data.encoding") -> Mistake:
    """Return the mistake of a file that is not in `encoding`: its bad lines, and an encoding to try where one fits.

    setting: the key of the encoding."""
    if not encoding.lower().startswith("utf-16") and (utf_16 := utf_16_variant(path)):
        return Mistake(key, f"is not {encoding}: its bytes are those of UTF-16", f"{setting}={utf_16}", path)
    lines = try_encoding(path, encoding)
    numbers = listed([str(number) for number in lines.wrong], 5)
    which = f"{len(lines.wrong)} of {lines.num} lines are not: line {numbers}" if lines.wrong else "bytes are missing"
    problem = f"is not {encoding} ({which})"
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
        is_utf_8 = not try_encoding(path, "utf-8").wrong
        return Mistake(key, problem, f"{setting}=utf-8" if is_utf_8 else f"{setting}={_UNKNOWN}", path)
    other = single_byte_encoding(lines.samples)
    if lines.num_beyond_ascii > _CHANCE_SHARE * len(lines.wrong):
        hint = f" (they read as {other})" if other else ""
        problem += f"; {lines.num_beyond_ascii} others are, with letters that another encoding would misread"
        return Mistake(key, problem, f"correct these lines{hint} and save the file as UTF-8", path)
    return Mistake(key, problem, f"{setting}={other or _UNKNOWN}", path)


def try_encoding(path: Path, encoding: str) -> DecodedLines:
    """Decode each line of a file."""
    wrong, samples, beyond, num = [], list[bytes](), 0, 0
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            num = number
            if line.isascii() and encoding.lower().startswith("utf-8"):
                continue
            try:
                line.decode(encoding)
                beyond += not line.isascii()
            except UnicodeDecodeError:
                wrong.append(number)
                samples += [line] if len(samples) < _MAX_SAMPLES else []
    return DecodedLines(num, wrong, samples, beyond)


def single_byte_encoding(lines: Sequence[bytes]) -> str | None:
    """Return latin-1, or Windows' code page where the lines have its characters; None where neither is western text.

    >>> single_byte_encoding(["avería".encode("latin-1")]), single_byte_encoding(["“sí”".encode("cp1252")])
    ('latin-1', 'cp1252')
    >>> single_byte_encoding(["насос".encode("cp1251")]) is None
    True
    """
    content = b"\n".join(lines)
    characters = re.sub(rb"[\x00-\x7f]+", b"", content)
    if not characters or sum(map(len, _RUN.findall(content))) > _MAX_RUN_SHARE * len(characters):
        return None
    for encoding in ("latin-1", "cp1252"):
        text = characters.decode(encoding, "replace")
        if sum(character in _WESTERN for character in text) >= _WESTERN_SHARE * len(text):
            return encoding
    return None


def is_really_utf_8(path: Path, encoding: str) -> bool:
    """Return whether `encoding` has one byte per character and the file is UTF-8 with more than ASCII."""
    try:
        if len("é".encode().decode(encoding)) != 2:
            return False
    except UnicodeError:
        return False
    decoder, beyond = codecs.getincrementaldecoder("utf-8")(), False
    with open_text(path) as file:
        while piece := file.read(1 << 20):
            beyond = beyond or not piece.isascii()
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return False
    return beyond and not decoder.getstate()[0]
