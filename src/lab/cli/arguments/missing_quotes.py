"""Overrides that only lack quotes: Hydra's grammar has no accents, so it cannot read `data.labels=[Código]`.

An override that Hydra cannot read gets quotes before Hydra sees it; an override that Hydra can read is never changed.
An open bracket or quote is not closed: it is a mistake, and reported as one.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.errors import HydraException

from lab.cli.command_line import meant
from lab.core.errors import Mistake
from lab.core.hydra_quoting import for_hydra, quoted

WITH_VALUE = ("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--cfg", "-c", "--package", "-p",
              "--experimental-rerun", "--info", "-i")  # fmt: skip
"""Flags whose value is the next word."""
FOLDERS = ("resume", "test")
"""Keys whose values are read before Hydra reads the line."""
_CALL = re.compile(rf"({'|'.join(create_functions().functions)})\((.*)\)", re.DOTALL)
_NAMED = re.compile(r"[a-z_]+=")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def with_quotes(argv: Sequence[str]) -> list[str]:
    """Return `argv` (program first) with quotes in each override that Hydra cannot read without them."""
    result = list(argv[:1])
    for before, word in pairwise(argv):
        is_override = "=" in word and not word.startswith("-") and before not in WITH_VALUE
        result.append(_readable(word) if is_override and word.partition("=")[0] not in FOLDERS else word)
    return result


def unreadable(text: str, error: HydraException) -> Mistake:
    """Return the mistake of an override that Hydra cannot read, with the reason that it gives."""
    key, equals, value = text.partition("=")
    if not equals:
        return Mistake("", f"{text!r} is not key=value", f"leave out {text}, or type {text}=VALUE")
    try:
        OverridesParser.create().parse_override(f"{key or '='}=x")
    except HydraException:
        return Mistake(key, "is no key that Hydra can read", f"leave out {text}", value)
    reason = next((line for line in reversed(str(error).splitlines()) if line and "http" not in line), "")
    return Mistake(key, f"cannot be read: {reason}", quoted(key, meant(value)), value)


def _readable(override: str) -> str:
    key, _, value = override.partition("=")
    if _is_read(override) or not _is_read(f"{key}=x") or (parts := split_at_commas(value)) is None:
        return override
    quoted = f"{key}={','.join(map(_element, parts))}"
    return quoted if _is_read(quoted) else override


def _is_read(override: str) -> bool:
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True


def _element(text: str) -> str:
    """Return a value of a list, a sweep or a mapping with the quotes that it needs."""
    text = text.strip()
    if not text or text[0] in "'\"" or _is_read(f"key={text}"):
        return text
    inner = split_at_commas(text[1:-1]) if text[0] + text[-1] in ("[]", "{}") else None
    if inner is not None and text[0] == "[":
        return f"[{','.join(map(_element, inner))}]"
    if inner is not None:
        return f"{{{','.join(map(_pair, inner))}}}"
    if (call := _CALL.fullmatch(text)) is not None and (arguments := split_at_commas(call[2])) is not None:
        return f"{call[1]}({','.join(map(_argument, arguments))})"
    return text if text[0] in "[{(" else for_hydra(text)


def _pair(text: str) -> str:
    name, colon, value = text.partition(":")
    return f"{name.strip()}: {_element(value)}" if colon else text


def _argument(text: str) -> str:
    text = text.strip()
    named = _NAMED.match(text)
    return f"{named[0]}{_element(text[named.end() :])}" if named is not None else _element(text)


def split_at_commas(text: str) -> list[str] | None:
    """Return the parts between commas outside of brackets and quotes; None if a bracket or a quote is left open.

    A quote opens only at the beginning of a value: in `D'Artagnan` it is a letter.
    """
    parts, start, opened, place = [], 0, [], 0
    begins = True
    while place < len(text):
        sign = text[place]
        if begins and sign in "'\"":
            close = _closing(text, place)
            if close is None:
                return None
            place = close
        elif sign in "([{":
            opened.append(sign)
        elif sign in _PAIRS and (not opened or opened.pop() != _PAIRS[sign]):
            return None
        elif sign == "," and not opened:
            parts.append(text[start:place])
            start = place + 1
        begins = sign in "([{,:=" or (begins and sign.isspace())
        place += 1
    return None if opened else [*parts, text[start:]]


def _closing(text: str, place: int) -> int | None:
    """Return the index of the quote that closes the one at `place`; a quote after an odd number of backslashes does
    not."""
    for end in range(place + 1, len(text)):
        before = text[place + 1 : end]
        if text[end] == text[place] and (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return end
    return None
