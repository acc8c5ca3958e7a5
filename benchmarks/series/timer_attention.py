"""Timer-XL, forward and backward: fused attention against the plain path of the same code, and cost against size.

    python -m benchmarks.series.timer_attention [--repeats 5] [--threads N] [--quick]

D 512, 8 heads, 4 layers, patches of 96, causal; shapes (batch, time steps, channels), the third with 840 tokens a row,
where attention begins to weigh. The two paths alternate, the ratio is taken inside each repeat. Outputs must agree to
1e-5 before anything is timed. Below, seconds a step of the fused path against window length (one channel) and channels
(672 steps), drawn into docs/img/timer_cost.png.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import matplotlib as mpl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from benchmarks.harness import table
from lab.config.schema import TimerXL
from lab.models.series.timer_xl.encoder import TimerEncoder, patched

ROOT = Path(__file__).resolve().parents[2]
FIGURE = ROOT / "docs" / "img" / "timer_cost.png"
SHAPES = ((8, 2880, 1), (4, 672, 7), (2, 11520, 7))
LENGTHS = (672, 1440, 2880, 5760, 11520)
CHANNELS = (1, 2, 4, 7, 14)
AGREE = 1e-5


def encoder(attention: str, quick: bool) -> TimerEncoder:
    with initialize_config_dir(str(ROOT / "conf")):
        values: Any = OmegaConf.to_container(compose("config", ["model=timer_xl"]).model)
    changes = {"attention": attention, "causal": True, "layer_dropout": 0.0}
    changes |= {"width": 32, "num_heads": 4, "num_layers": 1, "ffn_width": 32} if quick else {}
    torch.manual_seed(0)
    return TimerEncoder(TimerXL.model_validate(values | changes), forecasts=False)


def step(net: TimerEncoder, shape: tuple[int, int, int]) -> Callable[[], float]:
    """Seconds of one forward and backward pass, each time it is called."""
    patches = patched(torch.randn(shape), net.config.patch)

    def run() -> float:
        started = perf_counter()
        net(patches).square().mean().backward()
        net.zero_grad()
        return perf_counter() - started

    run()
    return run


def difference(nets: dict[str, TimerEncoder], shape: tuple[int, int, int]) -> float:
    patches = patched(torch.randn(shape), nets["plain"].config.patch)
    with torch.no_grad():
        return float((nets["plain"](patches) - nets["fused"](patches)).abs().max())


def compared(nets: dict[str, TimerEncoder], shape: tuple[int, int, int], repeats: int) -> dict[str, Any]:
    apart = difference(nets, shape)
    assert apart < AGREE, f"fused and plain differ by {apart}"
    plain, fused = (step(nets[name], shape) for name in ("plain", "fused"))
    times = [(plain(), fused()) for _ in range(repeats)]
    return {
        "shape": shape,
        "difference": apart,
        "plain_s": table.spread([repeat[0] for repeat in times]),
        "fused_s": table.spread([repeat[1] for repeat in times]),
        "ratio": table.spread([repeat[0] / repeat[1] for repeat in times]),
    }


def cost(net: TimerEncoder, shapes: list[tuple[int, int, int]], repeats: int) -> list[float]:
    result = []
    for shape in shapes:
        run = step(net, shape)
        result.append(median(run() for _ in range(repeats)))
    return result


def draw(lengths: list[float], channels: list[float], sizes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    axes[0].plot(sizes[0], lengths, marker="o")
    axes[0].set(xlabel="time steps (batch 8, one channel)", ylabel="seconds a step", ylim=(0, None))
    axes[1].plot(sizes[1], channels, marker="o", color="tab:orange")
    axes[1].set(xlabel="channels (batch 4, 672 steps)", ylabel="seconds a step", ylim=(0, None))
    figure.suptitle("Timer-XL, 4 layers of 512, forward and backward, fused attention")
    figure.savefig(FIGURE, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch; all cores by default")
    parser.add_argument("--quick", action="store_true", help="a tiny net: that it runs, not how fast")
    parser.add_argument("--results", type=Path, default=table.RESULTS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    nets = {name: encoder(name, options.quick) for name in ("plain", "fused")}
    result = [compared(nets, shape, options.repeats) for shape in SHAPES]
    sizes = (LENGTHS[:2], CHANNELS[:2]) if options.quick else (LENGTHS, CHANNELS)
    lengths = cost(nets["fused"], [(8, length, 1) for length in sizes[0]], options.repeats)
    channels = cost(nets["fused"], [(4, 672, count) for count in sizes[1]], options.repeats)
    if not options.quick:
        draw(lengths, channels, sizes)
    rows = [
        [str(one["shape"]), table.shown(one["plain_s"], 3), table.shown(one["fused_s"], 3),
         table.shown(one["ratio"]), f"{one['difference']:.0e}"]
        for one in result
    ]  # fmt: skip
    rows += [[f"(8, {length}, 1)", "", f"{cell:.3f}", "", ""] for length, cell in zip(sizes[0], lengths, strict=True)]
    rows += [[f"(4, 672, {count})", "", f"{cell:.3f}", "", ""] for count, cell in zip(sizes[1], channels, strict=True)]
    reported = {
        "threads": torch.get_num_threads(), "quick": options.quick, "compared": result,
        "lengths": dict(zip(map(str, sizes[0]), lengths, strict=True)),
        "channels": dict(zip(map(str, sizes[1]), channels, strict=True)),
    }  # fmt: skip
    head = ["(B, T, C)", "plain, s", "fused, s", "plain / fused", "apart"]
    table.finish("timer_attention", head, rows, reported, options.results / "timer_attention.json")


if __name__ == "__main__":
    main()
