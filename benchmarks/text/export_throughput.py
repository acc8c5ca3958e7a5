"""Rows per second of a classifier of texts in PyTorch, as an ONNX graph and as one with 8-bit matrices, on this CPU.

    python -m benchmarks.text.export_throughput [--models tiny minilm] [--batches 1 32] [--length 64] [--repeats 5]

Random weights in the published architectures, random tokens without padding. The contestants alternate; the table has
the median and the range over the repeats, and the size of the weights. Writes
benchmarks/results/export_throughput.json.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks.harness.table import RESULTS, finish, shown, spread
from lab.config.check import check
from lab.config.schema import Encoder
from lab.config.shipped import CONF
from lab.core.batches import HeadSpec, TextBatch, TextSpec
from lab.export.onnx_graph import quiet, write_graph
from lab.inference.onnx.model import MODEL_FILE, OnnxModel
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.models.text.transformer import TransformerEncoder, new_transformer
from lab.training.tasks.base import initial_training_plan

VOCABULARY = 8000
MEASURED_S = 0.3
"""Least time of a repeat of one contestant."""


def classifier(name: str) -> MultitaskTextClassifier:
    """A model of a choice of conf/model in evaluation mode, with one head of five classes and random weights."""
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", [f"model={name}", "model.pretrained=false"]))
    assert isinstance(config.model, Encoder), f"model={name} is no encoder"
    tokenizer: Any = SimpleNamespace(vocabulary_size=VOCABULARY, pad_id=1)
    encoder = TransformerEncoder(new_transformer(config.model, tokenizer))
    spec = TextSpec((HeadSpec("label", ("a", "b", "c", "d", "e"), (1,) * 5),), VOCABULARY, 1, 512)
    return MultitaskTextClassifier(spec, encoder, "mean", config.loss, 0.1, initial_training_plan(config)).eval()


@torch.inference_mode()
def rows_per_s(model: Callable[[Any], Any], batch: TextBatch) -> float:
    """Rows per second over at least `MEASURED_S` seconds."""
    began, num = perf_counter(), 0
    while (passed := perf_counter() - began) < MEASURED_S:
        model(batch)
        num += len(batch)
    return num / passed


def measured(name: str, options: argparse.Namespace) -> tuple[list[list[str]], dict[str, Any]]:
    """The rows of the table of one model, and their values."""
    model = classifier(name)
    with tempfile.TemporaryDirectory() as place:
        folders = {kind: Path(place) / kind for kind in ("onnx", "int8")}
        for folder in folders.values():
            folder.mkdir()
        write_graph(model, model.spec, folders["onnx"] / MODEL_FILE)
        with quiet():
            quantize_dynamic(
                folders["onnx"] / MODEL_FILE, folders["int8"] / MODEL_FILE, weight_type=QuantType.QInt8
            )  # fmt: skip
        sizes = {kind: (folder / MODEL_FILE).stat().st_size / 2**20 for kind, folder in folders.items()}
        sizes["torch"] = sum(weight.nbytes for weight in model.state_dict().values()) / 2**20
        contestants: dict[str, Callable[[Any], Any]] = {"torch": model}
        contestants |= {kind: OnnxModel(folder, model.spec) for kind, folder in folders.items()}
        table, values = [], {}
        for size in options.batches:
            ids = torch.randint(2, VOCABULARY, (size, options.length))
            batch = TextBatch(ids, torch.ones_like(ids, dtype=torch.bool), {}, torch.arange(size), {})
            rates: dict[str, list[float]] = {kind: [] for kind in contestants}
            for repeat in range(options.repeats + 1):
                for kind, contestant in contestants.items():
                    rate = rows_per_s(contestant, batch)
                    if repeat:  # the first one is warm-up
                        rates[kind].append(rate)
            for kind, each in rates.items():
                ratio = spread([one / other for one, other in zip(each, rates["torch"], strict=True)])
                values[f"{size} {kind}"] = {"rows_per_s": spread(each), "of_torch": ratio, "mib": sizes[kind]}
                cells = [shown(spread(each), 0), shown(ratio), f"{sizes[kind]:.1f}"]
                table.append([f"{name}, batch {size}, {kind}", *cells])
    return table, values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tiny", "minilm"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "export_throughput.json")
    options = parser.parse_args()
    torch.manual_seed(0)
    rows: list[list[str]] = []
    result = {}
    for name in options.models:
        table, result[name] = measured(name, options)
        rows += table
    title = f"length {options.length}, {torch.get_num_threads()} threads"
    reported = {"length": options.length, "threads": torch.get_num_threads(), "models": result}
    finish(title, ["model", "rows/s", "of torch", "MiB"], rows, reported, options.out)


if __name__ == "__main__":
    main()
