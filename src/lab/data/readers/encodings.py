"""The encoding of a text file that is not the one asked for: which lines say so, and which other one reads them all.

Any bytes are some text in latin-1, so an encoding is proposed only where it makes the file's letters those of western
Europe, and never where other lines are UTF-8 already: it would spoil them.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import Mistake, listed
from lab.data.readers.raw_text import open_text, wide_encoding

_WESTERN = frozenset(
    "áéíóúàèìòùâêîôûäëïöüãõñçåæœøßýÿðþšžÁÉÍÓÚÀÈÌÒÙÂÊÎÔÛÄËÏÖÜÃÕÑÇÅÆŒØÝŸÐÞŠŽ¿¡ªº°«»“”‘’‚„–—…•·´¨€£¢§©®™±²³µ½¼¾×\u00a0"
)
_RUN = re.compile(rb"[\x80-\xff]{3,}")
"""Three and more such signs in a row: a word of another alphabet."""
_MOST_LINES = 1000
"""Lines looked at to see what encoding they are in."""
_SENSIBLE, _OF_RUNS = 0.98, 0.2
"""Share of signs that must be western ones; share of them in runs, at most."""
_FEW = 0.1
"""Lines that are UTF-8, in parts of those that are not, up to which they may be so by chance."""


@dataclass(frozen=True)
class Lines:
    """Lines of a file by whether they are in an encoding. wrong: numbers of those that are not, counted from 1;
    samples: the first of them; num_beyond_ascii: lines that are, and not in ASCII alone."""

    num: int
    wrong: Sequence[int]
    samples: Sequence[bytes]
    num_beyond_ascii: int


def wrong_encoding(path: Path, key: str, encoding: str) -> Mistake:
    """The mistake of a file that is not in `encoding`: its bad lines, and an encoding to try where one is sensible."""
    if not encoding.lower().startswith("utf-16") and (wide := wide_encoding(path)):
        return Mistake(key, f"is not {encoding}: its bytes are those of UTF-16", f"data.encoding={wide}", path)
    lines = by_encoding(path, encoding)
    numbers = listed([str(number) for number in lines.wrong], 5)
    which = f"{len(lines.wrong)} of {lines.num} lines are not: line {numbers}" if lines.wrong else "bytes are missing"
    problem = f"is not {encoding} ({which})"
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
        is_utf_8 = not by_encoding(path, "utf-8").wrong
        return Mistake(key, problem, "data.encoding=utf-8" if is_utf_8 else _UNKNOWN, path)
    other = single_byte(lines.samples)
    if lines.num_beyond_ascii > _FEW * len(lines.wrong):
        seen = f", where they read as {other}" if other else ""
        problem += f"; {lines.num_beyond_ascii} others are, with letters that another encoding would spoil"
        return Mistake(key, problem, f"mend the lines named and save the file as UTF-8{seen}", path)
    return Mistake(key, problem, f"data.encoding={other}" if other else _UNKNOWN, path)


_UNKNOWN = "data.encoding=NAME, the encoding of the program that wrote it: cp1251, shift_jis, gb18030, mac-roman"


def by_encoding(path: Path, encoding: str) -> Lines:
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
                samples += [line] if len(samples) < _MOST_LINES else []
    return Lines(num, wrong, samples, beyond)


def single_byte(lines: Sequence[bytes]) -> str | None:
    """latin-1, or Windows' code page where signs of it stand; None where neither makes western text.

    >>> single_byte(["avería".encode("latin-1")]), single_byte(["“sí”".encode("cp1252")])
    ('latin-1', 'cp1252')
    >>> single_byte(["насос".encode("cp1251")]) is None
    True
    """
    whole = b"\n".join(lines)
    signs = re.sub(rb"[\x00-\x7f]+", b"", whole)
    if not signs or sum(map(len, _RUN.findall(whole))) > _OF_RUNS * len(signs):
        return None
    for encoding in ("latin-1", "cp1252"):
        text = signs.decode(encoding, "replace")
        if sum(sign in _WESTERN for sign in text) >= _SENSIBLE * len(text):
            return encoding
    return None


def is_utf_8_after_all(path: Path, encoding: str) -> bool:
    """Whether a file that is to be read in an encoding of one byte a sign is UTF-8, and not ASCII alone."""
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
