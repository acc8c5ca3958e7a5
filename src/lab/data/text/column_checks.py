"""Columns that a request names: whether a table has them, and what is wrong with the names alone."""

from lab.core.errors import Mistake, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import HEAD_SUFFIXES, ROW_COLUMNS
from lab.data.readers.text_table import Table, holds_list, holds_text
from lab.data.text.label_sets import sets_of_labels
from lab.data.text.label_survey import Columns


def missing_columns(columns: Columns, table: Table, name: str, delimiter: str | None = None) -> list[Mistake]:
    """One mistake per column that `table` does not have or that does not hold text."""
    mistakes = []
    have = [column for column in table.columns if holds_text(table.kind(column))]
    lists = [column for column in columns.labels if column in table.columns and holds_list(table.kind(column))]
    roles = [("data.text", columns.text), ("data.labels", columns.labels)]
    for key, wanted in [*roles, ("data.split.group", (columns.group,) if columns.group else ())]:
        for column in wanted:
            if column in table.repeated:
                problem = f"is the name of several columns in {name}"
                mistakes.append(Mistake(key, problem, "give each a name of its own in the file", column))
            if column in have:
                mistakes += _mixed(column, table, name) if key == "data.labels" else []
                continue
            if key == "data.labels" and column in lists:
                if columns.sets is None:
                    mistakes.append(sets_of_labels(column, f"lists, in {name}", lists))
                continue
            close = [name if name in have else nearest(name, have) or name for name in wanted]
            meant = close[0] if key == "data.split.group" else close
            remedy = quoted(key, meant) if close != list(wanted) else ""
            if len(have) == 1 and (other := next((mark for mark in ";\t|," if mark in have[0]), None)) != delimiter:
                remedy = quoted("data.delimiter", other) if other else remedy
            problem = f"no such column of text in {name}; it has {listed(list(map(_visible, have)))}"
            mistakes.append(Mistake(key, problem, remedy, column))
    return mistakes


def _mixed(column: str, table: Table, name: str) -> list[Mistake]:
    """The mistake of a label column of JSON lines in which true and false stand beside other values."""
    lines = table.json_kinds.get(column, {})
    if set(lines) != {"switch", "other"}:
        return []
    problem = (
        f"holds true or false (line {lines['switch']} of {name}) as well as other values (line {lines['other']}), "
        "which would be classes beside each other"
    )
    return [Mistake("data.labels", problem, "write all cells of the column in one way", column)]


def wrong_names(columns: Columns) -> list[Mistake]:
    """Mistakes that need no file: labels that are text columns as well, columns named twice, names that are taken."""
    mistakes = [
        Mistake(
            "data.labels", "is a text column as well: the label would stand in the text", "take it out of one", name
        )
        for name in columns.labels
        if name in columns.text
    ]
    for key, names in (("data.text", columns.text), ("data.labels", columns.labels)):
        twice = sorted({name for name in names if names.count(name) > 1})
        mistakes += [Mistake(key, "is named twice", "name it once", name) for name in twice]
    own = {*ROW_COLUMNS, *(name + suffix for name in columns.labels for suffix in HEAD_SUFFIXES)} - {*columns.text}
    problem = "is also a column that test_predictions.parquet has of its own"
    remedy = "rename the column in the file"
    mistakes += [Mistake("data.labels", problem, remedy, name) for name in dict.fromkeys(columns.labels) if name in own]
    return mistakes


def _visible(name: str) -> str:
    """A name in quotes where spaces or signs would be lost in a list of names."""
    return name if name == name.strip() and "," not in name else repr(name)
