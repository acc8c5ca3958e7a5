"""Dotted keys of a nested config: all of them, the value at one, and the known one most like a misspelt one."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from lab.errors import nearest


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
    """Whether `at` finds a value."""
    try:
        at(plain, key)
    except (KeyError, IndexError, ValueError, TypeError):
        return False
    return True


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """The known dotted key most like `key`, or None: the same last part elsewhere (`lr`: `optimizer.lr`), the same
    number of parts each spelt much alike, or a last part spelt alike."""
    keys = sorted(set(known))
    parts = key.split(".")
    same = [other for other in keys if other.rsplit(".", 1)[-1] == parts[-1]]
    alike = {other: _likeness(parts, other.split(".")) for other in keys}
    best = max(alike, key=lambda other: alike[other], default="")
    if alike.get(best, 0.0) >= 0.6:
        return best
    if same and (close := nearest(key, same)):
        return close
    if 0 < len(same) <= 2:
        return same[-1]
    leaves = {other.rsplit(".", 1)[-1]: other for other in keys}
    found = nearest(parts[-1], leaves)
    return leaves[found] if found else None


def _likeness(parts: list[str], others: list[str]) -> float:
    """0 to 1: how alike two keys are in their least alike part, with the mean to tell equals apart."""
    if len(parts) != len(others):
        return 0.0
    ratios = [SequenceMatcher(None, one, other).ratio() for one, other in zip(parts, others, strict=True)]
    return min(ratios) * 0.99 + 0.01 * sum(ratios) / len(ratios) if min(ratios) >= 0.6 else 0.0
