"""Reads data files that are broken at random: `python tests/fuzz/fuzz_data.py --files 2000 --seed 0`.

Each file (`data_files.py`) is read as a run reads it, up to the first batch of each split. A file survives when that
works or ends in a RequestError with a message; any other exception is a fault of ours, and is printed with what was
done to the file. Exit code 1 where there is one.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from data_files import FILES, Fuzzed
from hypothesis import HealthCheck, Phase, given, seed, settings

CONF = Path(__file__).resolve().parents[2] / "conf"


def outcome(fuzzed: Fuzzed, folder: Path) -> str:
    """`sound`, or `refused`: read in `folder`. Raises whatever else the reading raises."""
    from hydra import compose, initialize_config_dir

    from lab.config.check import check
    from lab.core.errors import RequestError, RunError
    from lab.core.record.run_folder import RunFolder
    from lab.training.build.trainer import hardware
    from lab.training.tasks.select import prepare

    path = folder / fuzzed.name
    path.write_bytes(fuzzed.content)
    if fuzzed.name.endswith(".ts"):
        (folder / "Toy_TEST.ts").write_bytes(fuzzed.content)
    run = RunFolder(folder / "run")
    run.path.mkdir()
    where = path.parent if fuzzed.name.endswith(".ts") else path
    words = [
        *fuzzed.words,
        f"data.path={where}",
        f"cache.dir={folder / 'cache'}",
        "logger=csv",
        "trainer.accelerator=cpu",
    ]
    try:
        with initialize_config_dir(str(CONF)):
            config = check(compose("config", words))
        material = prepare(config, run, hardware(config.trainer), fresh=True)
        data = material.data
        for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
            next(iter(loader), None)
    except RequestError as error:
        _refuse_empty(mistake.problem for mistake in error.mistakes)
        return "refused"
    except RunError as error:
        _refuse_empty([str(error)])
        return "failed in a line"
    return "sound"


def _refuse_empty(messages: Iterable[str]) -> None:
    """Raises ValueError for a message that says nothing or cannot be printed."""
    for message in messages:
        if not message.strip():
            raise ValueError("a refusal without a reason")
        message.encode("utf-8", "surrogateescape")


def fuzz(kind: str, num_files: int, start: int, result: Callable[[Fuzzed, BaseException], None]) -> Counter[str]:
    """Try `num_files` files of one kind: how often which outcome came. found: called with each fault."""
    counts: Counter[str] = Counter()

    @seed(start)
    @settings(
        max_examples=num_files,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FILES[kind])
    def one(fuzzed: Fuzzed) -> None:
        folder = Path(tempfile.mkdtemp(prefix="lab-fuzz-"))
        try:
            counts[outcome(fuzzed, folder)] += 1
        except Exception as error:  # noqa: BLE001 (every exception but a refusal is what is looked for)
            counts["fault"] += 1
            result(fuzzed, error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        one()
    finally:
        logging.disable(logging.NOTSET)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=sorted(FILES), default=sorted(FILES))
    parser.add_argument("--keep", type=Path, help="folder for the files that are faults of ours")
    requested = parser.parse_args()
    reported: set[str] = set()
    total: Counter[str] = Counter()

    def result(fuzzed: Fuzzed, error: BaseException) -> None:
        lines = traceback.format_exception(error)
        place = "".join(lines[-3:])
        if place in reported:
            return
        reported.add(place)
        print(f"FAULT {fuzzed.name} {fuzzed.faults}\n{''.join(lines[-6:])}", flush=True)
        if requested.keep is not None:
            requested.keep.mkdir(parents=True, exist_ok=True)
            (requested.keep / f"{len(reported)}-{fuzzed.name}").write_bytes(fuzzed.content)

    print(f"{'files':<12}{'tried':>7}{'sound':>7}{'refused':>9}{'in a line':>11}{'faults':>8}")
    for kind in requested.kinds:
        counts = fuzz(kind, requested.files // len(requested.kinds), requested.seed, result)
        total += counts
        print(_line(kind, counts), flush=True)
    print(_line("all", total))
    return 1 if total["fault"] else 0


def _line(kind: str, counts: Counter[str]) -> str:
    tried = sum(counts.values())
    sound, refused, failed = counts["sound"], counts["refused"], counts["failed in a line"]
    return f"{kind:<12}{tried:>7}{sound:>7}{refused:>9}{failed:>11}{counts['fault']:>8}"


if __name__ == "__main__":
    sys.exit(main())
