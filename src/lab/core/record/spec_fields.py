"""The fields of spec.json, which describes a run's data; checked on reading, since the file may be damaged.

Each spec of `lab.core.batches` is one kind, with fields of the same names. Those of `NEWER` may be missing, as they are
in the folders of older versions. Imports no torch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.core.record.fields import Shape, count, keyed, optional, several, switch, text

_HEAD = keyed("name", "classes", "counts", name=text, classes=several(text), counts=several(count))
_TOKENS: Mapping[str, Shape] = {"vocabulary_size": count, "pad_id": count, "max_length": count}
KINDS: Mapping[str, Mapping[str, Shape]] = {
    "text": {"heads": several(_HEAD), **_TOKENS},
    "series": {"heads": several(_HEAD), "channels": several(text), "length": count, "past_labels": optional(count)},
    "custom": {},
    "questions": {**_TOKENS, "language": text, "max_answer": count, "n_best": count, "no_answer": switch},
}

NEWER = ("past_labels",)


def spec_faults(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of a spec, in words."""
    kind = fields.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield f"its kind is not one of {', '.join(KINDS)}"
        return
    shapes = KINDS[kind]
    yield from (f"it has no {name}" for name in shapes if name not in fields and name not in NEWER)
    yield from (f"it has a field {name[:40]!r}, which no spec has" for name in fields if name not in {"kind", *shapes})
    faults = [fault for name in shapes if name in fields for fault in shapes[name](name, fields[name])]
    yield from faults
    if not faults:
        yield from _head_faults(fields.get("heads", ()))


def _head_faults(heads: list[dict[str, Any]]) -> Iterator[str]:
    names = [head["name"] for head in heads]
    yield from (f"heads names {name!r} twice" for name in sorted({name for name in names if names.count(name) > 1}))
    for place, head in enumerate(heads):
        if not head["classes"] or len(head["classes"]) != len(head["counts"]):
            yield f"heads[{place}] has {len(head['classes'])} classes and {len(head['counts'])} counts"
