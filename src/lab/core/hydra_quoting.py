"""Values as a person types them on a command line that a shell reads first and Hydra second.

Every remedy in a message can be pasted: it is put in quotes only where Hydra's grammar or the shell needs them.
"""

import re
import shlex
from collections.abc import Mapping

_BARE = re.compile(r"[\w./:+-]*[\w./+-]", re.ASCII)
"""Text that needs no quotes in Hydra."""
_OTHERWISE = re.compile(r"null|true|false|[-+]?(nan|inf|(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[-+]?\d+)?)", re.IGNORECASE)
"""Text that Hydra reads as a number, a switch or null unless it is quoted."""
_SIGNS = re.compile(r"[\\()\[\]{}:=, \t]")
"""Characters that need a backslash in a mapping's key."""


def quoted(key: str, value: object) -> str:
    """Return `key=value` as a person types it, quoted where Hydra or the shell would interpret a character.

    value: text, a path, number, switch, None, or lists and mappings of these. Keys of a mapping that are not ASCII
    cannot be typed at all: Hydra's grammar allows no quotes there.
    """
    if value == "\t":
        return f"$'{key}=\"\\t\"'"
    return shlex.quote(f"{key}={for_hydra(value)}")


def for_hydra(value: object) -> str:
    """Return a value in Hydra's grammar, which reads it back unchanged."""
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
