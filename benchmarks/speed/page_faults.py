"""What keeping freed memory for the next training step buys (`keep_freed_memory`): page faults and seconds of a step.

    python -m benchmarks.speed.page_faults [--models minilm beto] [--steps 15] [--repeats 2] [--quick]

The step of speed_steps.py in bf16 on texts of 40 to 56 tokens, in processes that keep what is freed and in others
that leave it to the C library. cpu: user and system seconds of a step, which a busy machine disturbs least.
"""

import json
import resource
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.harness import measuring

LENGTHS = (40, 44, 48, 52, 56)
BATCHES = {"minilm": 32, "beto": 16}
KEYS = ("step_s", "cpu_step_s", "system_step_s", "faults")


def steps(kept: bool, model: str, num_steps: int, quick: bool) -> dict[str, float]:
    """In this process. faults: minor page faults of a step."""
    import torch

    from benchmarks.speed.steps import architecture, training_step
    from lab.training.session import keep_freed_memory

    if kept:
        keep_freed_memory()
    encoder, batch = architecture(model, quick), BATCHES[model]
    step = training_step(encoder, torch.bfloat16)
    for length in LENGTHS:
        step(batch, length)
    before, began = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
    for number in range(num_steps):
        step(batch, LENGTHS[number % len(LENGTHS)])
    seconds, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    result = (seconds, after.ru_utime - before.ru_utime + system, system, after.ru_minflt - before.ru_minflt)
    return {key: value / num_steps for key, value in zip(KEYS, result, strict=True)}


def main() -> None:
    parser = measuring.parser(__doc__, repeats=2)
    parser.add_argument("--models", nargs="+", choices=tuple(BATCHES), default=list(BATCHES))
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--child", nargs=2, metavar=("HOW", "FILE"))
    requested = measuring.arguments(parser)
    if requested.child:
        how, file = requested.child
        Path(file).write_text(json.dumps(steps(how == "kept", requested.models[0], requested.steps, requested.quick)))
        return
    where = measuring.machine()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def run(model: str, how: str) -> measuring.Row:
            options = ["--models", model, "--steps", str(requested.steps), *(["--quick"] if requested.quick else [])]
            command = ["-m", "benchmarks.speed.page_faults", "--child", how, f"{folder}/found", *options]
            row = measuring.process(command, folder, folder / "said.txt")
            return row | json.loads((folder / "found").read_text())

        rows = measuring.interleaved(
            {
                f"{model}, {how}": lambda _, model=model, how=how: run(model, how)
                for model in requested.models
                for how in ("left", "kept")
            },
            requested.repeats,
        )
    print(where)
    lines = []
    for name, repeats in rows.items():
        left = f"{name.split(',')[0]}, left"
        ratios = [measuring.faster(rows, name, left, key) for key in ("step_s", "cpu_step_s")]
        step_s, cpu_s, system_s, faults = (measuring.middle(repeats, key) for key in KEYS)
        rss = measuring.middle(repeats, "peak_rss_gib")
        lines.append((name, f"{faults:.0f}", f"{step_s:.3f}", ratios[0], f"{cpu_s:.3f}", ratios[1],
                      f"{system_s:.3f}", f"{rss:.2f}"))  # fmt: skip
    measuring.table(
        ("freed memory is", "faults/step", "step s", "faster", "cpu s", "less cpu", "of it system", "RSS GiB"), lines
    )
    measuring.write("page_faults", requested, where, {"runs": rows})


if __name__ == "__main__":
    main()
