"""Text of an input as lines; a byte that is not in its encoding makes its row wrong, and not the file."""

import codecs
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from lab.data.readers.encodings import single_byte_encoding

WRONG_ENCODING, MAY_READ = "is not {}", " may read it"


def decoded(stream: Any, encoding: str, files: ExitStack) -> Iterator[str]:
    """The lines of a stream of bytes; a byte that is not in the encoding becomes a surrogate, which marks its row."""
    name = codecs.lookup(encoding).name
    lenient = "surrogateescape" if "a".encode(name) == b"a" else "strict"
    lines = io.TextIOWrapper(stream, "utf-8-sig" if name == "utf-8" else name, lenient, newline="")
    files.callback(lines.detach)  # otherwise it would close standard input
    return lines


def wrong_encoding(texts: Sequence[str], encoding: str) -> str:
    """Why a row cannot be read, with the encoding that its bytes are probably in."""
    return f"{WRONG_ENCODING.format(encoding)}; encoding={likely_encoding(texts)}{MAY_READ}"


def likely_encoding(texts: Sequence[str]) -> str:
    """The encoding of one byte per character that texts with surrogates are probably in."""
    return single_byte_encoding([text.encode("utf-8", "surrogateescape") for text in texts]) or "latin-1"


def is_sound(text: str) -> bool:
    """Return whether a text has no surrogate, which stands for a byte of another encoding or half of a character."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def mended(text: str) -> str:
    """A text with replacement characters in place of surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if not is_sound(text) else text
