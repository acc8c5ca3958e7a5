"""The content of reference.json: what the rows of a run were like. Checked on reading, since the file may be damaged.

heads: per head its classes and how many training rows have each. predicted: per head, how many test rows were predicted
as each class. numbers: per subject a
`lab.core.reference.histogram.Histogram` and the unit of its values; subjects are `characters/COLUMN`, `unknown tokens`,
`confidence/HEAD` and `value/CHANNEL`. seen_tokens: ids of the training texts, a bit per id, packed as by
`numpy.packbits` and in base64; null without tokens. Imports no torch.
"""

import base64
import binascii
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from lab.core.record.fields import Shape, count, each, keyed, number, optional, several, text

_NUMBERS = keyed(
    "edges", "counts", "missing", "unit", edges=several(number), counts=several(count), missing=count, unit=text
)
_CLASSES = keyed("classes", "counts", classes=several(text), counts=several(count))
FIELDS: Mapping[str, Shape] = {
    "heads": each(_CLASSES),
    "predicted": each(several(count)),
    "numbers": each(_NUMBERS),
    "seen_tokens": optional(text),
}


def reference_faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of the content of reference.json, in words."""
    yield from (f"it has no {name}" for name in FIELDS if name not in content)
    yield from (f"it has a field {name[:40]!r}, which no reference has" for name in content if name not in FIELDS)
    faults = [fault for name in FIELDS if name in content for fault in FIELDS[name](name, content[name])]
    yield from faults
    if faults or any(name not in content for name in FIELDS):
        return
    for subject, each_of in content["numbers"].items():
        edges, counts = each_of["edges"], each_of["counts"]
        if len(counts) != len(edges) + 1 or any(high <= low for low, high in itertools.pairwise(edges)):
            yield f"numbers.{subject[:40]} has no counts between ascending edges"
    for name, head in content["heads"].items():
        if len(head["classes"]) != len(head["counts"]):
            yield f"heads.{name[:40]} has {len(head['classes'])} classes and {len(head['counts'])} counts"
    for name, counts in content["predicted"].items():
        if len(counts) != len(content["heads"].get(name, {}).get("classes", ())):
            yield f"predicted.{name[:40]} has {len(counts)} counts, which are not those of its classes"
    try:
        base64.b64decode(content["seen_tokens"] or "", validate=True)
    except (binascii.Error, ValueError):
        yield "seen_tokens is not in base64"
