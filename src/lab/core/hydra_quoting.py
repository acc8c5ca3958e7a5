"""Values as a person types them on a command line that a shell reads first and Hydra second.

Every remedy in a message can be pasted: it is put in quotes only where Hydra's grammar or the shell needs them.
"""

import re
import shlex
from collections.abc import Mapping

_BARE = re.compile(r"[\w./:+-]*[\w./+-]", re.ASCII)
"""Text that needs no quotes in Hydra."""
_OTHERWISE = re.compile(r"null|true|false|[-+]?(nan|inf|(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[-+]?\d+)?)", re.IGNORECASE)
"""Text that Hydra reads as a number, a switch or nothing unless it stands in quotes."""
_SIGNS = re.compile(r"[\\()\[\]{}:=, \t]")
"""What stands in the name of a mapping after a backslash."""


def quoted(key: str, value: object) -> str:
    """`key=value` as one types it: in quotes where Hydra, then where the shell, reads a character as its own.

    value: text, a path, number, switch, None, or lists and mappings of such. Names of a mapping that are not ASCII
    cannot be typed at all: Hydra's grammar has no quotes there.
    """
    if value == "\t":
        return f"$'{key}=\"\\t\"'"
    return shlex.quote(f"{key}={for_hydra(value)}")


def for_hydra(value: object) -> str:
    """A value in Hydra's grammar, which reads it back as what it is."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        pairs = (f"{_SIGNS.sub(_backslashed, str(name))}: {for_hydra(item)}" for name, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(for_hydra, value)) + "]"
    text = str(value)
    if _BARE.fullmatch(text) and not _OTHERWISE.fullmatch(text):
        return text
    doubled = re.sub(r'\\+(?="|$)', lambda match: 2 * match[0], text).replace('"', r"\"")
    return f'"{doubled}"'


def _backslashed(match: re.Match[str]) -> str:
    return "\\" + match[0]
