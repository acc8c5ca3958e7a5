"""The content of a drift file: how new rows differ from the rows of a run. Checked on reading. Imports no torch.

run, input, output: texts; rows: number of new rows. subjects: each has its name (`characters/COLUMN`), its kind, the
rows with a value before (`reference_rows`) and after (`rows`), a level, the measures with their p values, the p value
of the stability index corrected for the number of subjects (`p_holm`), quantiles of 5, 50 and 95 % of numbers or shares
of classes before and after. left_out: subjects without a comparison, with the reason.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.core.record.fields import Shape, count, each, keyed, number, optional, pair, several, text

SCHEMA_VERSION = 1
LEVELS = ("none", "moderate", "large")
KINDS = ("numbers", "classes", "missing")


def _among(words: tuple[str, ...]) -> Shape:
    def check(name: str, value: Any) -> Iterator[str]:
        if value not in words:
            yield f"{name} is none of {', '.join(words)}"

    return check


_MEASURE = keyed("value", "p", value=number, p=number)
_SUBJECT = keyed(
    "name", "kind", "unit", "reference_rows", "rows", "level", "p_holm", "measures", "quantiles", "shares",
    name=text, kind=_among(KINDS), unit=text, reference_rows=count, rows=count, level=_among(LEVELS), p_holm=number,
    measures=each(_MEASURE), quantiles=optional(pair(several(optional(number)))), shares=optional(each(pair(number))),
    outside_share=optional(number),
)  # fmt: skip
FIELDS: Mapping[str, Shape] = {
    "schema_version": count,
    "run": text,
    "input": several(text),
    "output": text,
    "rows": count,
    "subjects": several(_SUBJECT),
    "left_out": each(text),
}


def drift_faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of the content of a drift file, in words."""
    yield from (f"it has no {name}" for name in FIELDS if name not in content)
    yield from (f"it has a field {name[:40]!r}, which no drift file has" for name in content if name not in FIELDS)
    yield from (fault for name in FIELDS if name in content for fault in FIELDS[name](name, content[name]))
    if content.get("schema_version") != SCHEMA_VERSION:
        yield f"schema_version is not {SCHEMA_VERSION}"
