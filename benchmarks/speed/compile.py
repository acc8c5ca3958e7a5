"""Whether `trainer.compile=true` pays: steps per second once compiled, and what compiling costs at the start.

    python -m benchmarks.speed.compile [--models minilm base] [--precision auto] [--repeats 1] [--quick] [OVERRIDE ...]

The runs of peers.py, with and without. Rate: the epochs after the first, which compiles. Compiling: wall seconds
that the run took beyond what its faster steps won. Pays from: rows trained on (rows times epochs) after which the
faster steps have won those seconds back.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring
from benchmarks.speed import peers as speed_peers

NAMES = {"as it comes": "false", "compiled": "true"}


def main() -> None:
    parser = measuring.with_precision(measuring.parser(__doc__, repeats=1))
    parser.add_argument("--models", nargs="+", choices=tuple(speed_peers.MODELS), default=["minilm", "base"])
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    lines, result = [], {}
    with TemporaryDirectory() as folder:
        for model in ["quick"] if options.quick else options.models:
            shared = [*speed_peers.SHARED, *speed_peers.MODELS[model], f"trainer.precision={options.precision}",
                      *options.overrides]  # fmt: skip
            rows = result[model] = measuring.interleaved(
                {
                    name: lambda repeat, switch=switch, shared=shared: measuring.lab(
                        [*shared, f"trainer.compile={switch}", f"seed={repeat}"], Path(folder)
                    )
                    for name, switch in NAMES.items()
                },
                options.repeats,
            )
            plain_s, compiled_s = (1 / measuring.middle(repeats, "samples_per_s") for repeats in rows.values())
            extra_s = measuring.middle(rows["compiled"], "wall_s") - measuring.middle(rows["as it comes"], "wall_s")
            for name, repeats in rows.items():
                rates = [measuring.faster(rows, name, "as it comes", key) for key in ("samples_per_s", "wall_s")]
                rate, wall_s = (f"{measuring.middle(repeats, key):.1f}" for key in ("samples_per_s", "wall_s"))
                lines.append((f"{model}, {name}", rate, rates[0], wall_s, rates[1]))
            trained = repeats[0]["epochs"] * repeats[0]["train_rows"]
            compiling_s = extra_s + (plain_s - compiled_s) * trained
            pays = f"{compiling_s / (plain_s - compiled_s):,.0f} rows" if plain_s > compiled_s else "never here"
            print(f"{model}: compiling took {compiling_s:.0f} s, and pays from {pays}")
    print(f"{where}; precision {options.precision}")
    measuring.table(("run", "samples/s", "faster", "wall s", "faster"), lines)
    measuring.write("speed_compile", options, where, {"runs": result})


if __name__ == "__main__":
    main()
