"""The model card of a checkpoint: how it was chosen, its data, its scores, its diagnosis, its software versions."""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.core.record.baselines import baseline_scores
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
    """Return the card of the report's winner as Markdown. record: the winner's run.json."""
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
    scores_by_model = {"model": (record.get("metrics") or {}).get("test") or {}, **baseline_scores(record)}
    if record.get("reference"):
        scores_by_model["Bayes rule"] = record["reference"]
    yield "| | " + " | ".join(scores_by_model) + " |"
    yield "|---" * (len(scores_by_model) + 1) + "|"
    for name in scores_by_model["model"]:
        if name.rpartition("/")[2] in SHOWN:
            cells = [scores.get(name) for scores in scores_by_model.values()]
            yield f"| {name} | " + " | ".join("" if cell is None else f"{cell:.4f}" for cell in cells) + " |"
    findings = [translate(finding.sentence, lang) for finding in report.findings if finding.row == winner.row]
    yield from ("", "## What to know", "", *(f"- {line}" for line in findings or ["No rule of the diagnosis applies."]))
    versions = ", ".join(f"{name} {version}" for name, version in (record.get("versions") or {}).items())
    yield from ("", "## Made with", "", f"{versions}; commit {record.get('git_commit')}; seed {record.get('seed')}")
