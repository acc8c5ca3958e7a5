"""Links from the sections of the page into the documentation: to a built site if its address is known (`docs=`), else
to the Markdown pages of the repository that the report lies in. A report elsewhere has no links, and names no path."""

import os
from html import escape
from pathlib import Path
from urllib.parse import quote

from lab.config.shipped import CONF
from lab.report.text.translate import Translator

REPOSITORY = CONF.parent
TARGETS = {
    "winner": ("doubt", "is-it-better-than-the-simple-model"),
    "leaderboard": ("concepts", "scores"),
    "groups": ("sweeps", ""),
    "comparison": ("concepts", "scores"),
    "diagnosis": ("recipes/hyperparameters", "5-analysis-symptoms-remedies"),
    "drift": ("predict", "have-new-rows-changed"),
    "figures": ("report", ""),
    "what_if": ("recipes/azure", "the-policies-pictured"),
    "method": ("report", ""),
}
"""By section: a page below docs/ without its ending, and the anchor of a heading or an empty text."""
SPANISH = {
    "winner": ("es/doubt", "es-mejor-que-el-modelo-simple"),
    "leaderboard": ("es/concepts", "puntuaciones"),
    "comparison": ("es/concepts", "puntuaciones"),
    "groups": ("es/sweeps", ""),
    "drift": ("es/predict", "han-cambiado-las-filas-nuevas"),
    "figures": ("es/report", ""),
    "method": ("es/report", ""),
    "diagnosis": ("es/recipes/hyperparameters", "5-analisis-sintomas-y-remedios"),
    "what_if": ("es/recipes/azure", "las-politicas-en-un-dibujo"),
}
"""The pages that exist in Spanish."""


def link(section: str, folder: Path, docs: str | None, words: Translator) -> str:
    """Return the link of a section as HTML, empty if there is no page for it.

    folder: of the report, which links to files are relative to; docs: address of the built site, or null.
    """
    targets = TARGETS | (SPANISH if words.lang == "es" else {})
    inside = folder.resolve().is_relative_to(REPOSITORY) and (REPOSITORY / "docs").is_dir()
    if section not in targets or (docs is None and not inside):
        return ""
    page, anchor = targets[section]
    if docs is not None:
        address = f"{docs.rstrip('/')}/{page}/{f'#{anchor}' if anchor else ''}"
    else:
        address = quote(Path(os.path.relpath(REPOSITORY / "docs" / f"{page}.md", folder.resolve())).as_posix())
    return f' <a class="docs" href="{escape(address)}">{words("read_more")}</a>'
