"""Writes maintenance notices as an old system exports them, for the recipe "From a dirty CSV to a served model".

    python examples/recipes/dirty_notices.py [FOLDER]

`avisos.csv`: 3,000 generated notices with labels; `nuevos.csv`: 200 new ones without. Semicolons, Latin-1, one cause in
two missing in four spellings, rows that occur twice, a class of two rows, a new notice without a text.
"""

import csv
import random
import sys
from pathlib import Path

from lab.data.text.maintenance.generator import generate

ROWS, NEW = 3000, 200


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    reports, dice = generate(ROWS + NEW, seed=7), random.Random(7)
    heads = list(reports.classes)
    rows = [
        [text, *(reports.classes[head][reports.labels[head][place]] for head in heads)]
        for place, text in enumerate(reports.texts)
    ]
    labelled, new = rows[:ROWS], [[number, row[0]] for number, row in enumerate(rows[ROWS:], 1)]
    for row in labelled:
        if dice.random() < 0.5:
            row[1 + heads.index("causa")] = dice.choice(["", "nan", "N/A", "sin dato"])
    for row in labelled[:2]:
        row[1 + heads.index("modo")] = "RARO"
    labelled += dice.choices(labelled, k=ROWS // 25)
    dice.shuffle(labelled)
    new[4][1] = ""
    _write(folder / "avisos.csv", ["descripcion", *heads], labelled)
    _write(folder / "nuevos.csv", ["id", "descripcion"], new)


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="latin-1", errors="replace") as file:
        csv.writer(file, delimiter=";").writerows([header, *rows])
    print(f"{path}: {len(rows)} rows")


if __name__ == "__main__":
    main()
