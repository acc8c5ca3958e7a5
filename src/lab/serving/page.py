"""The page at `/`: a form with the columns of the model, probabilities as bars, and words shaded by their attribution.

It loads its own script and style sheet and nothing else; what comes from data is escaped here or set as text there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from lab.serving.loaded import LoadedModel

HERE = Path(__file__).parent
FILES = {
    "/page.js": ((HERE / "page.js").read_text(encoding="utf-8"), "text/javascript; charset=utf-8"),
    "/page.css": ((HERE / "page.css").read_text(encoding="utf-8"), "text/css; charset=utf-8"),
}
"""Content and media type of each file that the page loads, by its path."""
_PAGE = Template((HERE / "page.html").read_text(encoding="utf-8"))
_RANK = re.compile(r"(?P<name>.+)_(?P<rank>\d+)")


def page(model: LoadedModel, needs_key: bool) -> str:
    """Return the page of a model."""
    table = model.intake.rows_are_windows
    heads = heads_of([field.name for field in model.columns])
    described = {"heads": heads, "others": others_of([field.name for field in model.predictor.fields], heads),
                 "table": table}  # fmt: skip
    columns = ", ".join(model.intake.needed)
    inputs = _table(columns) if table else "".join(map(_input, model.intake.needed))
    return _PAGE.substitute(
        folder=escape(model.folder.name), version=escape(model.version), inputs=inputs,
        model=escape(json.dumps(described)), key=_KEY if needs_key else "", explain=_explain(model),
    )  # fmt: skip


def heads_of(columns: list[str]) -> list[dict[str, Any]]:
    """Return, for each column with probabilities, the columns of its ranks in order.

    >>> heads_of(["cause", "cause_probability", "cause_2", "cause_2_probability"])
    [{'name': 'cause', 'ranks': ['cause', 'cause_2']}]
    """
    heads: dict[str, list[str]] = {}
    for name in columns:
        if f"{name}_probability" not in columns:
            continue
        match = _RANK.fullmatch(name)
        heads.setdefault(match["name"] if match and match["name"] in heads else name, []).append(name)
    return [{"name": name, "ranks": ranks} for name, ranks in heads.items()]


def others_of(columns: Sequence[str], heads: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the predicted columns that belong to no head: those of doubt, and those of a custom module.

    >>> others_of(["cause", "cause_probability", "cause_abstain"], [{"name": "cause", "ranks": ["cause"]}])
    ['cause_abstain']
    """
    ranks = [rank for head in heads for rank in head["ranks"]]
    shown = {*ranks, *(f"{rank}_{end}" for rank in ranks for end in ("probability", "start", "end"))}
    return [name for name in columns if name not in shown]


_KEY = (
    '<label for="key">API key</label><input id="key" type="password" autocomplete="off" '
    'placeholder="needed to predict; it stays on this page">'
)


def _input(column: str) -> str:
    name = escape(column)
    return f'<label>{name}<textarea name="{name}" rows="3" dir="auto" spellcheck="false"></textarea></label>'


def _table(columns: str) -> str:
    words = f"Rows of the table as JSON, with the columns {escape(columns)}"
    return f'<label>{words}<textarea name="rows" rows="8" spellcheck="false">[]</textarea></label>'


def _explain(model: LoadedModel) -> str:
    if model.explainer is None:
        return f'<p class="note">No explanations: {escape(model.unexplained)}</p>'
    words = f"Shade words: blue speaks for the label, orange against it ({escape(model.explainer.method)})"
    return f'<label class="check"><input id="explain" type="checkbox" checked>{words}</label>'
