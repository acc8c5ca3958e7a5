"""MiniRocket features of OSULeaf: this project's against aeon's compiled kernels, both on one thread.

    python -m benchmarks.series.minirocket_speed [--repeats 5] [--threads 1] [--quick]

Fitting the biases and transforming 200 training and 242 test series of 427 steps into 9,996 features; both alternate
in one process. The first call of each stands apart: aeon compiles in it. `ucr.py` measures accuracy.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.harness import table

TARGET = 3.0


def seconds(act: Callable[[], object]) -> float:
    started = perf_counter()
    act()
    return perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few rows: that it runs, not how fast")
    parser.add_argument("--results", type=Path, default=table.RESULTS)
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "NUMBA_NUM_THREADS": str(options.threads)}
    import numpy as np
    import torch
    from aeon.datasets import load_classification
    from aeon.transformations.collection.convolution_based import MiniRocket as Theirs

    from lab.config.schema import MiniRocket
    from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
    from lab.models.series.minirocket import MiniRocketNet

    torch.set_num_threads(options.threads)
    rows = 10 if options.quick else None
    splits = [load_classification("OSULeaf", split=split)[0][:rows].astype(np.float32) for split in ("train", "test")]
    windows = [torch.from_numpy(split).transpose(1, 2).contiguous() for split in splits]
    seen = [torch.ones_like(window, dtype=torch.bool) for window in windows]
    length = splits[0].shape[-1]
    spec = SeriesSpec((HeadSpec("class", ("a", "b"), (1, 1)),), ("x",), length)
    model = MiniRocket(kind="minirocket", name="minirocket", lr=1e-3, epochs=1, weight_decay=0.0, label_smoothing=0.0,
                       dropout=0.0, ensemble=1, num_features=9996, max_dilations=32, head="ridge",
                       alphas=(1.0,))  # fmt: skip
    batch = SeriesBatch(windows[0], seen[0], {}, torch.arange(len(windows[0])), {})

    def ours() -> None:
        net = MiniRocketNet.fitted(model, spec, 0, lambda _: batch)
        for window, mask in zip(windows, seen, strict=True):
            net(window, mask)

    def theirs() -> None:
        transformer = Theirs(n_kernels=10_000, n_jobs=options.threads, random_state=0).fit(splits[0])
        for split in splits:
            transformer.transform(split)

    first = {"lab": seconds(ours), "aeon": seconds(theirs)}
    repeats = [(seconds(ours), seconds(theirs)) for _ in range(1 if options.quick else options.repeats)]
    warm = {"lab": [repeat[0] for repeat in repeats], "aeon": [repeat[1] for repeat in repeats]}
    ratio = median(mine / other for mine, other in repeats)
    rows_shown = [
        [name, f"{first[name]:.2f}", table.shown(table.spread(warm[name]))] for name in ("lab", "aeon")
    ] + [["lab / aeon", f"{first['lab'] / first['aeon']:.2f}", f"{ratio:.2f}"]]  # fmt: skip
    reported = {"threads": options.threads, "quick": options.quick, "first_s": first,
        "warm_s": warm, "ratio_warm": ratio,
            "target": TARGET}  # fmt: skip
    head = ["MiniRocket, OSULeaf", "first call, s", "warm, s"]
    table.finish("minirocket_speed", head, rows_shown, reported, options.results / "minirocket_speed.json")
    print(f"warm ratio {ratio:.2f}, target at most {TARGET:g}: {'met' if ratio <= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()
