"""The model card that goes with a checkpoint: what it is, what it was trained on, how it was chosen, what it scores."""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.report.findings import Report
from lab.report.text.translate import translate

SHOWN = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "f1_weighted",
    "mcc",
    "em",
    "f1",
)


def card(report: Report, record: Mapping[str, Any], lang: str = "en") -> str:
    """Markdown. record: the winner's run.json."""
    return "\n".join(_lines(report, record, lang)) + "\n"


def _lines(report: Report, record: Mapping[str, Any], lang: str) -> Iterator[str]:
    winner = report.winner
    assert winner is not None, "a card is written for a winner"
    model, data = record.get("model") or {}, record.get("data") or {}
    yield from (f"# {model.get('name', 'model')}", "", "## How it was chosen", "")
    yield from (f"- {translate(sentence, lang)}" for sentence in winner.sentences)
    yield from ("", "```", winner.command, "```") if winner.command else ()
    yield from ("", "## Data", "")
    yield f"- {data.get('name')}, fingerprint `{data.get('fingerprint')}`"
    rows = data.get("rows") or {}
    yield from (f"- {num:,} {split} rows" for split, num in rows.items())
    for head, classes in (data.get("heads") or {}).items():
        yield f"- {head}: {', '.join(classes)}"
    yield from ("", "## Scores on the test rows", "")
    compared = {"model": (record.get("metrics") or {}).get("test") or {}, **(record.get("baselines") or {})}
    if record.get("reference"):
        compared["Bayes rule"] = record["reference"]
    yield "| | " + " | ".join(compared) + " |"
    yield "|---" * (len(compared) + 1) + "|"
    for name in compared["model"]:
        if name.rpartition("/")[2] in SHOWN:
            cells = [scores.get(name) for scores in compared.values()]
            yield f"| {name} | " + " | ".join("" if cell is None else f"{cell:.4f}" for cell in cells) + " |"
    found = [translate(one.sentence, lang) for one in report.findings if one.row == winner.row]
    yield from ("", "## What to know", "", *(f"- {line}" for line in found or ["No rule of the diagnosis spoke."]))
    versions = ", ".join(f"{name} {version}" for name, version in (record.get("versions") or {}).items())
    yield from ("", "## Made with", "", f"{versions}; commit {record.get('git_commit')}; seed {record.get('seed')}")
