"""Dotted keys of a nested config: all of them, the value at one, and the known one most like a misspelt one."""

import difflib
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from lab.core.errors import nearest

SAME_GROUP, ELSEWHERE = 0.6, 0.8
"""How alike (0 to 1) two words must be for one to be proposed for the other: `stratify` is .75 like `strategy`."""


def flattened(node: Any, key: str = "") -> dict[str, Any]:
    """Dotted keys of all leaves; an empty mapping is a leaf."""
    if not isinstance(node, Mapping) or not node:
        return {key: node} if key else {}
    return {
        leaf: value
        for name, child in node.items()
        for leaf, value in flattened(child, f"{key}.{name}" if key else str(name)).items()
    }


def at(plain: Any, key: str) -> Any:
    """The value at a dotted key. Raises KeyError, IndexError, ValueError or TypeError where there is none."""
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
    """The known dotted key that was meant, or None: spelt much alike in the same group, or nearly alike elsewhere, or
    with the same last part (`lr`: `optimizer.lr`). What is only a little like it in another group is not proposed."""
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
    found = difflib.get_close_matches(parts[-1], leaves, n=1, cutoff=ELSEWHERE)
    return leaves[found[0]] if found else None


def _likeness(parts: list[str], others: list[str]) -> float:
    """0 to 1: how alike two keys are in their least alike part, with the mean to tell equals apart; 0 where too little.
    A key of the same group counts as more alike than any other."""
    if len(parts) != len(others):
        return 0.0
    ratios = [SequenceMatcher(None, one, other).ratio() for one, other in zip(parts, others, strict=True)]
    same_group = len(parts) > 1 and parts[0] == others[0]
    if min(ratios) < (SAME_GROUP if same_group else ELSEWHERE):
        return 0.0
    return min(ratios) * 0.99 + 0.01 * sum(ratios) / len(ratios) + same_group
