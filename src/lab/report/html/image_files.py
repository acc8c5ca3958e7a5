"""The report's figures as files: PNG and SVG of each, from the same data as the page's.

An absent figure has no file; the page says why. Cost: about .25 s per figure for both files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from lab.core.files import write_whole
from lab.core.registry import FIGURES
from lab.report.text.translate import Translator

DPI = 110


def write(folder: Path, data: Mapping[str, Any], words: Translator) -> list[str]:
    """Write NAME.png and NAME.svg into `folder` and return the names. Texts in the SVG stay texts, not outlines.

    data: of each figure by its name.
    """
    names = []
    with rc_context({"svg.fonttype": "none"}):
        for figure in FIGURES.values():
            for name, drawing in figure.images(data[figure.name], words):
                for kind in ("png", "svg"):
                    _save(drawing, folder / f"{name}.{kind}", kind)
                    drawing.set_layout_engine("none")  # the layout of the first file serves the second
                names.append(name)
    return names


def _save(figure: Figure, path: Path, kind: str) -> None:
    write_whole(path, lambda aside: figure.savefig(aside, format=kind, dpi=DPI))
