"""Speed on a GPU: waits of the host, a step against a hand-written loop, tokens per second and utilisation."""

import time
from typing import Any

import torch
from torch import nn

from benchmarks.gpu.arithmetic import flops_per_token, peak_flops, utilisation
from benchmarks.gpu.numerics import material_of
from benchmarks.gpu.outcome import Outcome, Place, judged, needs_gpu
from benchmarks.speed import host_waits
from benchmarks.speed.step_operations import CASES

STEPS = 50
"""Steps of the hand-written loop, after ten that are not timed."""
LEAST = 0.95
"""Least rate of a run over that of the loop."""
LARGE = ["model=bert", "model.pretrained=false", "trainer.max_epochs=2", "data.batch_size=64"]


def waits(place: Place) -> Outcome:
    """Host waits of each step of a whole run, by the calls of CUDA that the profiler saw."""
    accelerator = "gpu" if place.is_gpu else "cpu"
    cases = ["texts, padded"] if place.quick else ["texts, padded", "questions, padded", "patchtst, whole"]
    counted = {}
    for case in cases:
        folder = place.folder / case.split(",")[0]
        folder.mkdir()
        overrides = [*CASES[case], "trainer.precision=32", f"trainer.accelerator={accelerator}"]
        counted[case] = host_waits.measured(overrides, folder)
    per_step = {case: steps.waits_per_step for case, steps in counted.items()}
    # `nan_guard` waits for the flag of the batch before, behind the next forward pass: one event a step.
    ok = all(number <= (1 if place.is_gpu else 0) for number in per_step.values())
    causes = {case: steps.causes for case, steps in counted.items()}
    return judged(ok, ", ".join(f"{case} {number:g}" for case, number in per_step.items()), causes=causes)


def loop_step_s(model: Any, batch: Any, device: str, steps: int, half: torch.dtype | None) -> float:
    """Seconds of a step of plain PyTorch on one batch that is on the device: forward, backward, clipping, AdamW."""
    model, batch = model.to(device).train(), batch.to(torch.device(device))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    began = 0.0
    for step in range(-10, steps):
        if step == 0:
            _synchronise(device)
            began = time.perf_counter()
        with torch.autocast(device, dtype=half, enabled=half is not None):
            loss = model.loss(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    _synchronise(device)
    return (time.perf_counter() - began) / steps


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def against_a_loop(place: Place) -> Outcome:
    """Rows per second of a run with BERT-base against a loop without any framework, both in bf16."""
    small = ["model=tiny", "data.batch_size=32"] if place.quick else [*LARGE, "data.batch_size=32"]
    model, batch = material_of(place, *small)
    half = torch.bfloat16 if place.is_gpu else None
    loop = 32 / loop_step_s(model, batch, place.device, 5 if place.quick else STEPS, half)
    precision = "bf16" if place.is_gpu else "32"
    run = place.trained("run", *small, f"trainer.precision={precision}")
    rate = run.history()[-1]["train/samples_per_s"]
    text = f"{rate:,.0f} rows/s, loop {loop:,.0f}: {rate / loop:.2f} x"
    values = {"samples_per_s": rate, "loop_samples_per_s": loop}
    return judged(rate >= LEAST * loop, text, **values) if place.is_gpu else Outcome("measured", text, values)


def matrices(model: nn.Module) -> tuple[int, int]:
    """Weights of the matrices that train and of those that are frozen, without embedding tables."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    weights = [each for each in model.parameters() if each.ndim > 1 and id(each) not in tables]
    return sum(w.numel() for w in weights if w.requires_grad), sum(w.numel() for w in weights if not w.requires_grad)


def throughput(place: Place) -> Outcome:
    """Tokens per second of BERT-base in bf16, and the share of the card's peak that their arithmetic needs."""
    small = ["model=tiny"] if place.quick else LARGE
    model, batch = material_of(place, *small)
    run = place.trained("mfu", *small, f"trainer.precision={'bf16' if place.is_gpu else '32'}")
    rates = run.read()["throughput"]
    tokens = rates["tokens_per_s"] / (1.0 - rates["padding_share"])  # padding is computed as well
    config = model.encoder.backbone.config if hasattr(model.encoder, "backbone") else None
    layers = len(model.encoder.layers)
    width = config.hidden_size if config is not None else model.encoder.dimension
    cost = flops_per_token(*matrices(model), layers, width, batch.ids.shape[1])
    values = {"tokens_per_s": rates["tokens_per_s"], "flops_per_token": cost}
    text = f"{rates['tokens_per_s']:,.0f} tokens/s"
    if not place.is_gpu:
        return Outcome("measured", f"{text}; utilisation needs a GPU", values)
    peak = peak_flops(torch.cuda.get_device_name())
    if peak is None:
        return Outcome("measured", f"{text}; the peak of this card is unknown", values)
    share = utilisation(cost, tokens, peak)
    return Outcome("measured", f"{text}, {100 * share:.1f} % of the peak", values | {"utilisation": share})


def graphs(place: Place) -> Outcome:
    """CUDA graphs (`mode=reduce-overhead`) on one shape against eager layers: bucketed batches have few shapes."""
    if not place.is_gpu:
        return needs_gpu("CUDA graphs")
    model, batch = material_of(place, "data.batch_size=32")
    eager = loop_step_s(model, batch, place.device, STEPS, torch.bfloat16)
    for layer in model.encoder.layers:
        layer.compile(mode="reduce-overhead")
    graph = loop_step_s(model, batch, place.device, STEPS, torch.bfloat16)
    text = f"a step of {1000 * eager:.2f} ms takes {1000 * graph:.2f} ms"
    return Outcome("measured", text, {"eager_s": eager, "graph_s": graph})
