"""format=onnx: a graph that onnxruntime computes, compared with the run's model on real inputs before it is kept.

With int8=true the matrices are in 8 bits, and inputs of products are rounded to 8 bits while it computes (onnxruntime's
dynamic quantisation). Its cost in right answers and its gain in time are measured on the same inputs.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from lab.config.schema.training import Whole
from lab.core.batches import MISSING, HeadSpec, QuestionBatch
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.export.onnx_graph import quiet, write_graph
from lab.export.samples import Samples, samples_of
from lab.export.source import Source, is_adapted, plain_state, write_records
from lab.inference.onnx.model import MODEL_FILE, OnnxModel
from lab.models.calibration import calibrated, decision_scores
from lab.models.qa.extractive_qa import possible
from lab.models.qa.spans import best_spans
from lab.training.tasks.select import build_model

LARGEST_DIFFERENCE = 1e-4
"""Of two logits; a graph with a larger one is refused."""
PASSES = 5
"""Passes over the samples, of which the median time counts."""


def write(source: Source, folder: Path, int8: bool) -> tuple[list[str], dict[str, Any]]:
    """Write the folder; return lines to show and what export.json records. Raises RequestError as `write_graph` does,
    and for a graph that computes something else than the run's model."""
    write_records(source, RunFolder(folder))
    write_graph(_plain(source, folder), source.spec, folder / MODEL_FILE)
    samples = samples_of(source)
    graph = OnnxModel(folder, source.spec)
    difference = largest_difference(source.model, graph, samples)
    if not difference <= LARGEST_DIFFERENCE:
        problem = f"the graph differs from the model by {difference:.1e} on {samples.origin}"
        raise RequestError(
            Mistake("format", f"{problem}; at most {LARGEST_DIFFERENCE:g} is allowed", "format=torch", "onnx")
        )
    shown = f"{samples.num_rows} {samples.origin} in {len(samples.batches)} batches"
    lines = [f"largest difference of a logit from the run's model: {difference:.1e} ({shown})"]
    record: dict[str, Any] = {"int8": int8, "checked": {"inputs": shown, "largest_difference": difference}}
    if int8:
        record["cost"] = _quantised(source, folder, graph, samples)
        lines += cost_lines(record["cost"])
    return lines, record


def _plain(source: Source, folder: Path) -> Any:
    """The run's model, with merged adapters if it has any."""
    if not is_adapted(source):
        return source.model
    whole = Whole(kind="none", lr=source.config.peft.lr)
    model = build_model(source.config.model_copy(update={"peft": whole}), source.spec, RunFolder(folder), fresh=False)
    model.load_state_dict(plain_state(source))
    return model.eval()


@torch.inference_mode()
def largest_difference(model: Callable[[Any], Any], graph: Callable[[Any], Any], samples: Samples) -> float:
    """Return the largest difference of two logits (or log-probabilities of places that may be an answer)."""
    differences = [0.0]
    for batch in samples.batches:
        for one, other in zip(_outputs(model(batch)), _outputs(graph(batch)), strict=True):
            kept = possible(batch) if isinstance(batch, QuestionBatch) else torch.ones(len(one), dtype=torch.bool)
            if kept.any():
                differences.append(float((one - other)[kept].abs().max()))
    return max(differences, key=lambda value: torch.inf if value != value else value)


def _outputs(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def _quantised(source: Source, folder: Path, graph: OnnxModel, samples: Samples) -> dict[str, Any]:
    """Replace the graph by one in 8 bits; return cost and gain. Raises RequestError if it has nothing to quantise."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path, aside = folder / MODEL_FILE, folder / f"{MODEL_FILE}.int8"
    before = path.stat().st_size
    with quiet():
        quantize_dynamic(path, aside, weight_type=QuantType.QInt8)
    operations = {node.op_type for node in onnx.load(aside, load_external_data=False).graph.node}
    if not operations & {"MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul"}:
        raise RequestError(Mistake("int8", "the graph has no matrix product to quantise", "int8=false", True))
    aside.replace(path)
    small = OnnxModel(folder, source.spec)
    right, agreeing = _right_shares(graph, small, samples, source)
    return {
        "inputs": f"{samples.num_rows} {samples.origin}", "right": right, "agreement": agreeing,
        "rows_per_s": [_rows_per_s(each, samples) for each in (graph, small)], "threads": torch.get_num_threads(),
        "bytes": [before, path.stat().st_size],
    }  # fmt: skip


def cost_lines(cost: dict[str, Any]) -> list[str]:
    """Return the lines that say what 8 bits cost and gain."""
    lines = [f"int8, measured on {cost['inputs']}: {cost['agreement']:.1%} of the answers are those of fp32"]
    lines += [
        f"int8, right answers of {name}: {new:.3f}, fp32: {old:.3f}" for name, (old, new) in cost["right"].items()
    ]
    if not cost["right"]:
        lines.append("int8: its cost in right answers was not measured, because no labelled rows are there")
    old, new = cost["rows_per_s"]
    large, small = (size / 2**20 for size in cost["bytes"])
    lines.append(
        f"int8: {new / old:.2f} times the rows per second ({new:,.0f}, fp32 {old:,.0f}; {cost['threads']} threads)"
    )
    return [*lines, f"int8: {small:.1f} MiB, fp32: {large:.1f} MiB"]


@torch.inference_mode()
def _right_shares(
    graph: OnnxModel, small: OnnxModel, samples: Samples, source: Source
) -> tuple[dict[str, list[float]], float]:
    """Per head the shares of right answers of both graphs, where labels are known, and the share of equal answers."""
    counts: dict[str, list[int]] = {}
    equal = total = 0
    for batch in samples.batches:
        first, second = (_answers(each(batch), batch, source) for each in (graph, small))
        for name, answers in first.items():
            equal += int((answers == second[name]).sum())
            total += len(answers)
            labels = _labels(batch, name)
            if labels is not None and (known := labels != MISSING).any():
                count = counts.setdefault(name, [0, 0, 0])
                for place, given in enumerate((answers, second[name])):
                    count[place] += int((given == labels)[known].sum())
                count[2] += int(known.sum())
    return {name: [old / num, new / num] for name, (old, new, num) in counts.items()}, equal / total


def _answers(result: Any, batch: Any, source: Source) -> dict[str, Tensor]:
    """Per head the predicted class of each row; for questions the best span as one number."""
    if isinstance(batch, QuestionBatch):
        best = best_spans(result, possible(batch), getattr(source.spec, "max_answer", 1), 1)
        return {"answer": best.first[:, 0] * batch.ids.shape[1] + best.last[:, 0]}
    heads: Sequence[HeadSpec] = getattr(source.spec, "heads", ())
    temperatures: Mapping[str, float] = (source.calibration or {}).get("temperatures", {})
    tables = {
        head.name: calibrated(logits, temperatures.get(head.name, 1.0))
        for head, logits in zip(heads, result, strict=True)
    }
    return {name: decision_scores(table, source.offsets.get(name)).argmax(-1) for name, table in tables.items()}


def _labels(batch: Any, name: str) -> Tensor | None:
    """The right answers as `_answers` gives them, `MISSING` where unknown or where the window has no answer."""
    if isinstance(batch, QuestionBatch):
        places = batch.spans[:, 0] * batch.ids.shape[1] + batch.spans[:, 1]
        return torch.where(batch.spans.any(1), places, MISSING)
    found: Tensor | None = batch.labels.get(name)
    return found


def _rows_per_s(graph: OnnxModel, samples: Samples) -> float:
    times = []
    for _ in range(PASSES + 1):
        began = time.perf_counter()
        for batch in samples.batches:
            graph(batch)
        times.append(time.perf_counter() - began)
    return samples.num_rows / median(times[1:])
