"""Step time against text length, batch and model size, and the arithmetic limit of the same cores.

    python -m benchmarks.speed.steps [--lengths 16 32 64 128] [--batches 8 32] [--repeats 2] [--quick]

One training step (forward, backward, clipping, fused AdamW) of MiniLM's and BETO's architecture in fp32 and bf16; the
median of the repeats, after one that is not counted. The limit is what a large matrix multiply reaches on the same
cores (2 n^3 operations), applied to the operations of the step's matrices: per token 6 x the encoder's matrix weights,
and 12 x length x width x layers for attention (Kaplan et al. 2020, arXiv 2001.08361, table 1, backward twice the
forward). Draws docs/img/step_time.png.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import matplotlib as mpl
import torch
from hydra import compose, initialize_config_dir
from torch import nn
from transformers import AutoConfig, AutoModel

from benchmarks.harness import measuring

FIGURE = measuring.ROOT / "docs" / "img" / "step_time.png"
MODELS = {"minilm": "MiniLM, 6 layers of 384", "beto": "BERT-base, 12 layers of 768"}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
QUICK = {"hidden_size": 48, "intermediate_size": 48, "vocab_size": 100}


@dataclass(frozen=True)
class Step:
    """Seconds of one training step, and those its matrices alone would take at the speed of one large multiply."""

    model: str
    precision: str
    batch: int
    length: int
    step_s: float
    limit_s: float


def matmul_per_s(dtype: torch.dtype, size: int, repeats: int) -> float:
    """Operations per second of a square multiply; the best of the repeats, because it stands for a limit."""
    left, right = (torch.randn(size, size).to(dtype) for _ in range(2))
    left @ right
    return 2 * size**3 / min(_seconds(lambda: left @ right) for _ in range(repeats))


def step_operations(encoder: nn.Module, batch: int, length: int) -> float:
    """Multiplications and additions of one training step's matrices."""
    layers = encoder.encoder.layer
    weights = sum(parameter.numel() for parameter in layers.parameters() if parameter.ndim == 2)
    width = encoder.config.hidden_size
    return float(batch * length * (6 * weights + 12 * length * width * len(layers)))


def training_step(encoder: nn.Module, dtype: torch.dtype) -> Callable[[int, int], None]:
    """One step of full fine-tuning on random tokens of a batch and length, as often as it is called."""
    head = nn.Linear(encoder.config.hidden_size, 8)
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, 1e-5, fused=True)

    def step(batch: int, length: int) -> None:
        ids, labels = torch.randint(5, encoder.config.vocab_size, (batch, length)), torch.randint(0, 8, (batch,))
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
            hidden = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            loss = nn.functional.cross_entropy(head(hidden.mean(1)).float(), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def architecture(model: str, quick: bool) -> nn.Module:
    with initialize_config_dir(str(measuring.ROOT / "conf")):
        published = dict(compose("config", [f"model={model}"]).model.architecture)
    config = AutoConfig.for_model(**(published | (QUICK if quick else {})))
    return AutoModel.from_config(config, add_pooling_layer=False).train()


def measured(options: argparse.Namespace, limits: dict[str, float]) -> list[Step]:
    steps = []
    for model in MODELS:
        encoder = architecture(model, options.quick)
        for precision, dtype in PRECISIONS.items():
            step = training_step(encoder, dtype)
            for batch in options.batches:
                for length in options.lengths:
                    limit_s = step_operations(encoder, batch, length) / limits[precision]
                    if limit_s > options.longest_s:
                        continue
                    step(batch, length)
                    step_s = median(_seconds(lambda: step(batch, length)) for _ in range(options.repeats))  # noqa: B023
                    steps.append(Step(model, precision, batch, length, step_s, limit_s))
    return steps


def draw(steps: list[Step], path: Path) -> None:
    """A panel a model; lines are steps, dashes of the same colour their limits."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(MODELS), figsize=(11, 4.5), sharey=True, layout="constrained")
    lines = list(dict.fromkeys((step.precision, step.batch) for step in steps))
    for panel, (model, title) in zip(panels, MODELS.items(), strict=True):
        for colour, (precision, batch) in enumerate(lines):
            chosen = [s for s in steps if (s.model, s.precision, s.batch) == (model, precision, batch)]
            lengths, style = [step.length for step in chosen], {"color": f"C{colour}"}
            label = f"{precision}, batch {batch}"
            panel.plot(lengths, [step.step_s for step in chosen], "o-", label=label, **style)
            panel.plot(lengths, [step.limit_s for step in chosen], "--", alpha=0.6, **style)
        panel.set(title=title, xlabel="tokens per text", xscale="log", yscale="log")
        ticks = sorted({step.length for step in steps})
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("seconds per training step")
    panels[0].legend(loc="upper left", title="solid: measured, dashed: matrices alone", fontsize=8, title_fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def main() -> None:
    parser = measuring.parser(__doc__, repeats=2)
    parser.add_argument("--lengths", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--longest-s", type=float, default=6.0, help="leave out steps whose limit is beyond")
    options, where = measuring.arguments(parser), measuring.machine()
    if options.quick:
        options.lengths, options.batches = [4, 8], [2]
    torch.manual_seed(0)
    size = 128 if options.quick else 3072
    limits = {name: matmul_per_s(dtype, size, 8) for name, dtype in PRECISIONS.items()}
    steps = measured(options, limits)
    print(where)
    print("matrix multiply: " + ", ".join(f"{name} {limit / 1e9:.0f} GFLOP/s" for name, limit in limits.items()))
    measuring.table(
        ("model", "precision", "batch", "tokens", "step s", "limit s", "of the limit", "samples/s"),
        [
            (step.model, step.precision, step.batch, step.length, f"{step.step_s:.3f}", f"{step.limit_s:.3f}",
             f"{step.limit_s / step.step_s:.0%}", f"{step.batch / step.step_s:.1f}")
            for step in steps
        ],
    )  # fmt: skip
    if options.results or not options.quick:
        draw(steps, options.results / FIGURE.name if options.results else FIGURE)
    measuring.write("speed_steps", options, where, {"matmul_per_s": limits, "steps": [vars(step) for step in steps]})


if __name__ == "__main__":
    main()
