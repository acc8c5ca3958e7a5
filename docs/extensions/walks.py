"""Draws the three walks of docs/architecture.md: a config value, a row, a trial.

    python docs/extensions/walks.py       writes docs/img/walk_value.svg, walk_row.svg and walk_trial.svg

A step is a module below src/lab (its path is checked by a test) or a file or person outside, and what happens there.
"""

from html import escape
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).parents[1] / "img"
WIDTH, HEIGHT, GAP_X, GAP_Y, PER_ROW, MARGIN = 225, 78, 34, 44, 4, 12
FILLS = {"outside": "#f3f0e6", "cli": "#e3eefb", "config": "#e3eefb", "data": "#e6f4ea", "models": "#fbe9e3",
         "training": "#fbe9e3", "callbacks": "#f3e6f8", "sweep": "#f3e6f8", "core": "#eeeeee"}  # fmt: skip


class Step(NamedTuple):
    place: str
    """A module below src/lab, or words for what is outside."""
    what: str


class Walk(NamedTuple):
    title: str
    steps: tuple[Step, ...]
    back: tuple[int, int, str] | None = None
    """A way back from one step to an earlier one, and its label."""


WALKS = {
    "value": Walk(
        "A config value: optimizer.lr=3e-5",
        (
            Step("> python train.py optimizer.lr=3e-5", "typed"),
            Step("cli/command_line", "reads the words of the line"),
            Step("cli/validate_overrides", "composes once; every mistake at once, exit code 2"),
            Step("config/rules", "what settings may not say together"),
            Step("> Hydra", "composes conf/ again for the run and makes its folder"),
            Step("config/check", "a frozen, typed Config"),
            Step("config/key_roles", "names the run; may be searched; fixed on resume"),
            Step("training/tasks", "config.optimizer goes to the model"),
            Step("models/optimizer", "the optimizer with this rate"),
            Step("training/train", "trains"),
            Step("core/record", "the run folder"),
            Step("> config.yaml, run.json", "kept: the value, and the line to type again"),
        ),
    ),
    "row": Walk(
        "A row of avisos.csv",
        (
            Step("> avisos.csv", "a text and three labels"),
            Step("data/readers/text_files", "Arrow columns; what cannot be read is named by line"),
            Step("data/text/source", "checks the columns"),
            Step("data/text/label_survey", "reads labels once: classes, missing cells"),
            Step("data/text/splits", "train, val or test; equal texts stay together"),
            Step("data/text/checks", "leaks, words that give a label away"),
            Step("data/text/token_cache", "tokens, made once and memory-mapped"),
            Step("data/batch_sampler", "the batch of this epoch, by length"),
            Step("models/text/multitask_classifier", "logits per head"),
            Step("models/metrics", "counted in the score of its split"),
            Step("training/evaluation", "the test, once, with the best checkpoint"),
            Step("> test_predictions.parquet", "the row's number, labels, probabilities"),
        ),
    ),
    "trial": Walk(
        "A trial of -m sweep=text",
        (
            Step("> python train.py -m sweep=text", "typed, or typed again to resume"),
            Step("sweep/definition/plan", "reads the whole request"),
            Step("sweep/search_space/samplers", "draws the values"),
            Step("sweep/execution/fork_server", "a process that has the imports done"),
            Step("training/train", "trains as any run"),
            Step("callbacks/early_termination", "reports each validation"),
            Step("sweep/reporting", "carries the report to the study"),
            Step("sweep/study/report_handler", "asks the policy"),
            Step("sweep/execution/trial_outcome", "how the trial ended"),
            Step("sweep/storage", "journal of the study"),
            Step("sweep/study/results", "the winner, on validation"),
            Step("> trials.csv, experiment/best.yaml", "and summary.json"),
        ),
        back=(7, 4, "go on, or end this trial"),
    ),
}  # fmt: skip


def position(number: int) -> tuple[int, int]:
    """The left upper corner of a box; every second row runs to the left."""
    row, column = divmod(number, PER_ROW)
    column = column if row % 2 == 0 else PER_ROW - 1 - column
    return MARGIN + column * (WIDTH + GAP_X), 46 + row * (HEIGHT + GAP_Y)


def lines(text: str, limit: int) -> list[str]:
    """The words of a text in lines of at most `limit` characters."""
    result = [""]
    for word in text.split():
        if result[-1] and len(result[-1]) + 1 + len(word) > limit:
            result.append("")
        result[-1] = f"{result[-1]} {word}".strip()
    return result


def box(number: int, step: Step) -> str:
    x, y = position(number)
    outside = step.place.startswith("> ")
    fill = FILLS["outside" if outside else step.place.split("/")[0]]
    place = escape(step.place.removeprefix("> "))
    size = 13 if len(step.place) <= 28 else 11
    said = "".join(
        f'<text x="{x + WIDTH / 2}" y="{y + 46 + 16 * place_of}" font-size="12" fill="#444">{escape(line)}</text>'
        for place_of, line in enumerate(lines(step.what, 33))
    )
    corner = 14 if outside else 4
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="{corner}" fill="{fill}" stroke="#888"/>'
        f'<text x="{x + WIDTH / 2}" y="{y + 24}" font-size="{size}" font-family="monospace" font-weight="bold">{place}'
        f"</text>{said}"
    )


def arrow(number: int) -> str:
    """From the box `number` to the next."""
    (x, y), (to_x, to_y) = position(number), position(number + 1)
    if y == to_y:
        start, end = (x + WIDTH, to_x - 3) if to_x > x else (x, to_x + WIDTH + 3)
        return _line(start, y + HEIGHT / 2, end, y + HEIGHT / 2)
    return _line(x + WIDTH / 2, y + HEIGHT, x + WIDTH / 2, to_y - 3)


def way_back(back: tuple[int, int, str]) -> str:
    """A dashed way below the boxes of one row."""
    (x, y), (to_x, _) = position(back[0]), position(back[1])
    x, to_x, low = x + WIDTH / 3, to_x + WIDTH / 3 * 2, y + HEIGHT + 24
    path = f"M {x} {y + HEIGHT} V {low} H {to_x} V {y + HEIGHT + 3}"
    return (
        f'<path d="{path}" fill="none" stroke="#7b3fa0" stroke-dasharray="5 3" marker-end="url(#tip)"/>'
        f'<text x="{(x + to_x) / 2}" y="{low - 6}" font-size="12" fill="#7b3fa0">{escape(back[2])}</text>'
    )


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="#555" marker-end="url(#tip)"/>'


def drawn(walk: Walk) -> str:
    """The walk as an SVG document."""
    rows = -(-len(walk.steps) // PER_ROW)
    width, height = 2 * MARGIN + PER_ROW * (WIDTH + GAP_X) - GAP_X, 46 + rows * (HEIGHT + GAP_Y) - GAP_Y + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" text-anchor="middle" '
        'font-family="sans-serif">',
        f"<title>{escape(walk.title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M 0 0 L 8 4 L 0 8 z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="28" font-size="17" font-weight="bold" text-anchor="start">{escape(walk.title)}</text>',
        *(box(number, step) for number, step in enumerate(walk.steps)),
        *(arrow(number) for number in range(len(walk.steps) - 1)),
        *([way_back(walk.back)] if walk.back else []),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    for name, walk in WALKS.items():
        (IMAGES / f"walk_{name}.svg").write_text(drawn(walk), encoding="utf-8")


if __name__ == "__main__":
    main()
