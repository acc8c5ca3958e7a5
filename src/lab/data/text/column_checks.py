"""Checks of the columns that a request names: columns that a table does not have, and names that cannot be right."""

from lab.core.errors import Mistake, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import HEAD_SUFFIXES, ROW_COLUMNS
from lab.data.readers.text_table import Table, holds_list, holds_text
from lab.data.text.label_sets import label_set_mistake
from lab.data.text.label_survey import Columns


def missing_columns(columns: Columns, table: Table, name: str, delimiter: str | None = None) -> list[Mistake]:
    """Return a mistake for each column that `table` does not have or that does not hold text. name: of the table."""
    mistakes = []
    available = [column for column in table.columns if holds_text(table.kind(column))]
    lists = [column for column in columns.labels if column in table.columns and holds_list(table.kind(column))]
    roles = [("data.text", columns.text), ("data.labels", columns.labels)]
    for key, wanted in [*roles, ("data.split.group", (columns.group,) if columns.group else ())]:
        for column in wanted:
            if column in table.repeated:
                problem = f"is the name of several columns in {name}"
                mistakes.append(Mistake(key, problem, "give each a name of its own in the file", column))
            if column in available:
                mistakes += _mixed(column, table, name) if key == "data.labels" else []
                continue
            if key == "data.labels" and column in lists:
                if columns.sets is None:
                    mistakes.append(label_set_mistake(column, f"lists, in {name}", lists))
                continue
            close = [name if name in available else nearest(name, available) or name for name in wanted]
            corrected = close[0] if key == "data.split.group" else close
            remedy = quoted(key, corrected) if close != list(wanted) else ""
            if len(available) == 1:
                other = next((mark for mark in ";\t|," if mark in available[0]), None)
                remedy = quoted("data.delimiter", other) if other and other != delimiter else remedy
            problem = f"no such column of text in {name}; it has {listed(list(map(_visible, available)))}"
            mistakes.append(Mistake(key, problem, remedy, column))
    return mistakes


def _mixed(column: str, table: Table, name: str) -> list[Mistake]:
    """The mistake of a label column of JSON lines with true or false in some lines and other values in others."""
    lines = table.json_kinds.get(column, {})
    if set(lines) != {"switch", "other"}:
        return []
    problem = (
        f"contains true or false (line {lines['switch']} of {name}) as well as other values (line {lines['other']}), "
        "which would become separate classes"
    )
    return [Mistake("data.labels", problem, "write all cells of the column in one way", column)]


def wrong_names(columns: Columns) -> list[Mistake]:
    """Return the mistakes that need no file: labels that are also text columns, columns named twice, reserved names."""
    mistakes = [
        Mistake("data.labels", "is also a text column: the label would be part of the text", "take it out of one", name)
        for name in columns.labels
        if name in columns.text
    ]
    for key, names in (("data.text", columns.text), ("data.labels", columns.labels)):
        repeated = sorted({name for name in names if names.count(name) > 1})
        mistakes += [Mistake(key, "is named twice", "name it once", name) for name in repeated]
    reserved = {*ROW_COLUMNS, *(name + suffix for name in columns.labels for suffix in HEAD_SUFFIXES)} - {*columns.text}
    problem = "is also the name of a column that lab writes to test_predictions.parquet"
    remedy = "rename the column in the file"
    clashes = [name for name in dict.fromkeys(columns.labels) if name in reserved]
    return mistakes + [Mistake("data.labels", problem, remedy, name) for name in clashes]


def _visible(name: str) -> str:
    """A name, in quotes if it has spaces or commas that would be misread in a list."""
    return name if name == name.strip() and "," not in name else repr(name)
