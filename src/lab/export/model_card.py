"""The model card of an export, README.md, written from the record of the run: data, scores beside baselines, limits.

A share of right answers has Wilson's 95 % interval over the test rows; the record has no interval of other scores.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from scipy.stats import binomtest

from lab.core.batches import QuestionSpec
from lab.core.masking import masked
from lab.core.record.baseline_comparison import FIELD, sentences
from lab.core.record.baselines import baseline_scores
from lab.export.source import Source

SHARES = ("accuracy", "em")
"""Scores that are shares of rows."""
SHOWN = ("accuracy", "f1_macro", "auc", "em", "f1")
"""Scores of the table, those that the record has."""
CONFIDENCE = 0.95
USE = ["## Use", "```", "python predict.py run=THIS_FOLDER input=new.csv output=predictions.csv", "```"]


def card(source: Source, name: str, notes: list[str], kind: str) -> str:
    """The text of the card. notes: lines about the export itself; kind: its format."""
    parts = [
        _header(source, name, kind),
        _model(source, notes),
        _data(source),
        _scores(source),
        _limits(source),
        *([] if kind == "hf" else [USE]),
    ]
    return masked("\n".join(line for part in parts for line in [*part, ""]))


def _header(source: Source, name: str, kind: str) -> list[str]:
    task = "question-answering" if isinstance(source.spec, QuestionSpec) else "text-classification"
    tags = [f"pipeline_tag: {task}"] if source.tokenizer is not None else []
    return ["---", f"library_name: {'transformers' if kind == 'hf' else 'lab'}", *tags, "---", f"# {name}"]


def _model(source: Source, notes: list[str]) -> list[str]:
    parameters = (source.record.get("parameters") or {}).get("total")
    size = f", {parameters:,.0f} parameters" if parameters else ""
    lines = [
        f"- Model: `{source.config.model.name}` ({source.config.model.kind}){size}, checkpoint `{source.checkpoint}`."
    ]
    lines += [f"- Trained by `{source.record['command']}`."] if source.record.get("command") else []
    versions = source.record.get("versions") or {}
    lines += [f"- Versions: {', '.join(f'{key} {value}' for key, value in versions.items())}."] if versions else []
    return ["## Model", *lines, *(f"- {note[0].upper()}{note[1:]}." for note in notes)]


def _data(source: Source) -> list[str]:
    facts = source.record.get("data") or {}
    rows: Mapping[str, Any] = facts.get("rows") or {}
    counts = ", ".join(f"{count:,} {split}" for split, count in rows.items() if isinstance(count, int))
    lines = [f"- Data: `{facts.get('name', 'unnamed')}`" + (f" with {counts} rows." if counts else ".")]
    for head in getattr(source.spec, "heads", ()):
        shown = ", ".join(
            f"{name} ({count:,})" for name, count in zip(head.classes[:20], head.counts[:20], strict=True)
        )
        rest = f" and {head.num_classes - 20} more" if head.num_classes > 20 else ""
        lines.append(f"- Classes of `{head.name}`, with their training rows: {shown}{rest}.")
    return ["## Data", *lines]


def _scores(source: Source) -> list[str]:
    test = (source.record.get("metrics") or {}).get("test") or {}
    if not test:
        return ["## Scores", "The record has no test."]
    compared = baseline_scores(source.record)
    names = [name for name in test if name.split("/")[-1] in SHOWN and test[name] is not None]
    header = ["score on the test rows", "model", "95 % interval", *compared]
    table = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for name in names:
        cells = [name, f"{test[name]:.3f}", _interval(source, name, test[name])]
        cells += [f"{scores[name]:.3f}" if scores.get(name) is not None else "" for scores in compared.values()]
        table.append(f"| {' | '.join(cells)} |")
    compared_runs = source.record.get(FIELD)
    said = [f"- {line}" for line in sentences(compared_runs)] if compared_runs else []
    return ["## Scores", *table, *(["", "Against the best baseline, by a paired bootstrap:", *said] if said else [])]


def _interval(source: Source, name: str, value: float) -> str:
    """Wilson's interval of a share; empty for other scores, and for a mean over heads."""
    head, _, score = name.rpartition("/")
    heads = getattr(source.spec, "heads", ())
    facts = source.record.get("data") or {}
    rows = (facts.get("rows") or {}).get("test")
    if head:
        rows = ((facts.get("labelled") or {}).get("test") or {}).get(head, rows)
    if score not in SHARES or (not head and len(heads) > 1) or not isinstance(rows, int) or rows < 1:
        return ""
    hits = min(max(round(value * rows), 0), rows)
    interval = binomtest(hits, rows).proportion_ci(CONFIDENCE, "wilson")
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _limits(source: Source) -> list[str]:
    return ["## Limits", *(f"- {line}" for line in limits(source))]


def limits(source: Source) -> Iterator[str]:
    """What a user of the model has to know, in sentences."""
    facts: Mapping[str, Any] = source.record.get("data") or {}
    length = getattr(source.spec, "max_length", None)
    if length is not None and source.tokenizer is not None:
        cut = facts.get("truncated_share")
        share = f", which were {cut:.1%} of the training texts" if isinstance(cut, int | float) else ""
        how = "Contexts are read in windows of" if isinstance(source.spec, QuestionSpec) else "Texts are truncated to"
        most = getattr(source.config.data, "max_windows", 1)
        if most > 1:
            yield (
                f"Texts of more than {length} {source.tokenizer.unit} are read in up to {most} windows of that length, "
                "whose mean logits decide; `model.onnx` is the graph of one window, and `predict.py` and `serve.py` "
                "take the mean."
            )
        else:
            yield f"{how} {length} {source.tokenizer.unit}{share if how.startswith('Texts') else ''}."
    yield "It knows only the classes and the kind of data above; other rows get an answer all the same."
    if source.calibration is None:
        yield "Its probabilities are not calibrated."
    else:
        heads = ", ".join(f"{head} {value:.3g}" for head, value in source.calibration["temperatures"].items())
        yield f"Probabilities are calibrated by temperatures fitted on validation rows: {heads or 'none'}."
        rules = ", ".join(f"{head} {source.calibration['decisions'][head]['tau']:g}" for head in source.offsets)
        if rules:
            yield f"Classes are chosen by probability / (share of the training rows)^tau, with tau by head: {rules}."
        yield from (f"Not calibrated: {head}: {why}." for head, why in source.calibration["not_fitted"].items())
    yield from (f"The run warned: {line}" for line in source.record.get("warnings") or ())
