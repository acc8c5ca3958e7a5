"""Which columns of a long table are inputs, and what is wrong with those that were requested or nearly are."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab.config.schema import Ahead, Table
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers.numeric.number_formats import Spelling, Spoilt, spoilt
from lab.data.readers.numeric.numeric_files import TableFile
from lab.data.readers.timestamps.parsing import time_names

log = logging.getLogger(__name__)
COUNTERS = re.compile(r"Unnamed: \d+|__index_level_\d+__|")
"""Names of a row counter that pandas writes unasked: no input unless somebody names it."""
FEW = 0.1
"""A column with no more cells that are no numbers was meant as an input, so that leaving it out is a mistake."""


def input_columns(file: TableFile, data: Table) -> list[str]:
    """Columns of the input. Raises RequestError naming every column that is requested and not there or not of numbers,
    and those that would be inputs but for a few cells; others of the kind are left out with a warning."""
    own = {*time_names(data), data.group, None if isinstance(data.label, Ahead) else data.label}
    counted = [name for name in file.numbers if name not in own and not COUNTERS.fullmatch(name)]
    chosen = list(data.features) if data.features is not None else counted
    texts = {name: column for name, column in file.texts().items() if name not in own}
    broken = {one.name: one for one in spoilt(texts, Spelling.of(data), file.fractions)}
    mistakes = [*_other_decimals(broken, data), *_absent(file, data, chosen, broken)]
    if data.features is None:
        mistakes += list(_left_out(broken, data, chosen))
        words = [name for name in texts if name not in broken]
        if words:
            log.info("no inputs, since they do not hold numbers: %s", listed(words))
    if not chosen and not mistakes:
        mistakes.append(Mistake("data.features", "there is no column of numbers to learn from", value=data.path))
    if isinstance(data.label, str) and data.label in chosen:
        problem = f"{data.label!r} is also an input: a model that reads its label learns nothing"
        mistakes.append(Mistake("data.features", problem, "leave it out of data.features", data.label))
    if mistakes:
        raise RequestError(mistakes)
    return chosen


def _other_decimals(broken: Mapping[str, Spoilt], data: Table) -> Iterator[Mistake]:
    """Columns that another mark of decimals reads as a whole: of the file, whether they are inputs or not."""
    written = [one for one in broken.values() if one.decimal and one.share == 1]
    if written:
        mark = "comma" if data.decimal == "." else "point"
        problem = f"{Path(data.path).name} writes the numbers of {listed([one.name for one in written])} with a {mark}"
        yield Mistake("data.decimal", problem, written[0].remedy, data.decimal)


def _absent(file: TableFile, data: Table, chosen: Sequence[str], broken: Mapping[str, Spoilt]) -> Iterator[Mistake]:
    """Columns that are requested and are not there, or are no input."""
    rule = data.label if isinstance(data.label, Ahead) else None
    requested: dict[str, Sequence[str | None]] = {
        "data.time": time_names(data), "data.group": [data.group], "data.features": chosen, "data.log1p": data.log1p,
        "data.label": [None if isinstance(data.label, Ahead) else data.label],
        "data.label.feature": [rule.feature if rule else None],
    }  # fmt: skip
    for key, names in requested.items():
        for name in [name for name in names if name is not None]:
            if name not in file.names:
                close = nearest(name, file.names)
                problem = f"no column of this name; there are {listed(file.names)}"
                meant = [close if one == name else one for one in names] if len(names) > 1 else close
                yield Mistake(key, problem, quoted(key, meant) if close else "", name)
            elif name in chosen or key not in ("data.log1p", "data.label.feature"):
                continue
            elif name in broken and data.features is None:
                yield _words(broken[name], key, _way_out(broken[name], data, chosen))
            else:
                yield Mistake(key, f"is not among the input columns {listed(chosen)}",
                              quoted("data.features", [*chosen, name]), name)  # fmt: skip


def _left_out(broken: Mapping[str, Spoilt], data: Table, chosen: Sequence[str]) -> Iterator[Mistake]:
    """Columns that nobody named: a mistake where a few cells keep them from being inputs, else a warning."""
    named = {*data.log1p, data.label.feature if isinstance(data.label, Ahead) else None}
    for name, one in broken.items():
        if name in named or (one.decimal and one.share == 1):
            continue  # told already
        if one.share <= FEW:
            yield _words(one, "data.features", _way_out(one, data, chosen))
        else:
            log.warning("column %r is NO INPUT: %.0f%% of its cells are no numbers to this request (%r in row %d); "
                        "to read it: %s", name, 100 * one.share, one.word, one.row,
                        one.remedy or "mend the file")  # fmt: skip


def _words(one: Spoilt, key: str, remedy: str) -> Mistake:
    problem = f"column {one.name!r} holds {one.word!r} in row {one.row} and is a column of numbers otherwise"
    return Mistake(key, problem, remedy, one.name)


def _way_out(one: Spoilt, data: Table, chosen: Sequence[str]) -> str:
    """What reads a column, or does without it."""
    needed = isinstance(data.label, Ahead) and one.name == data.label.feature
    without = f"{quoted('data.features', list(chosen))} to do without it" if chosen and not needed else ""
    return ", or ".join(part for part in (one.remedy or "mend the file", without) if part)
