"""Dotted keys of a nested config: listing them, reading the value at a key, and correcting a misspelt key."""

import difflib
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from lab.core.errors import nearest

SAME_GROUP, OTHER_GROUP = 0.6, 0.8
"""Least similarity (0 to 1) of two words for a proposal; `stratify` and `strategy` have 0.75."""


def flattened(node: Any, key: str = "") -> dict[str, Any]:
    """Return the values of all leaves by dotted key; an empty mapping is a leaf."""
    if not isinstance(node, Mapping) or not node:
        return {key: node} if key else {}
    return {
        leaf: value
        for name, child in node.items()
        for leaf, value in flattened(child, f"{key}.{name}" if key else str(name)).items()
    }


def at(plain: Any, key: str) -> Any:
    """Return the value at a dotted key. Raises KeyError, IndexError, ValueError or TypeError where there is none."""
    for part in key.split("."):
        plain = plain[int(part)] if isinstance(plain, list) else plain[part]
    return plain


def is_there(plain: Mapping[str, Any], key: str) -> bool:
    """Return whether `at` gives a value."""
    try:
        at(plain, key)
    except (KeyError, IndexError, ValueError, TypeError):
        return False
    return True


def is_below(key: str, parents: Iterable[str]) -> bool:
    """Return whether `key` is one of `parents`, or lies below one of them."""
    return any(key == parent or key.startswith(f"{parent}.") for parent in parents)


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """Return the known dotted key that was probably meant, or None.

    It is spelt similarly in the same group, very similarly in another group, or has the same last part (`lr`:
    `optimizer.lr`).
    """
    keys, parts = sorted(set(known)), key.split(".")
    alike = {other: _likeness(parts, other.split(".")) for other in keys}
    best = max(alike, key=lambda other: alike[other], default="")
    if alike.get(best, 0.0) > 0.0:
        return best
    same = [other for other in keys if other.rsplit(".", 1)[-1] == parts[-1]]
    near = [other for other in same if other.startswith(f"{parts[0]}.")] or same
    if close := nearest(key, near):
        return close
    if 0 < len(near) <= 2:
        return near[-1]
    if near or (len(parts) > 1 and any(other.startswith(f"{parts[0]}.") for other in keys)):
        return None
    leaves = {other.rsplit(".", 1)[-1]: other for other in keys}
    matches = difflib.get_close_matches(parts[-1], leaves, n=1, cutoff=OTHER_GROUP)
    return leaves[matches[0]] if matches else None


def _likeness(parts: list[str], others: list[str]) -> float:
    """Return the similarity of two keys in their least similar part, 0 to 1; 0 below the threshold. The mean decides
    between equal ones, and a key of the same group gets 1 more."""
    if len(parts) != len(others):
        return 0.0
    ratios = [SequenceMatcher(None, part, other).ratio() for part, other in zip(parts, others, strict=True)]
    same_group = len(parts) > 1 and parts[0] == others[0]
    if min(ratios) < (SAME_GROUP if same_group else OTHER_GROUP):
        return 0.0
    return min(ratios) * 0.99 + 0.01 * sum(ratios) / len(ratios) + same_group
