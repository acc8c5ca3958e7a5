"""Judges command lines that are made at random: `python tests/fuzz/fuzz_requests.py --lines 10000 --seed 0`.

A line survives when it is sound, or is refused with a message for each mistake; any other exception is a fault of ours
and is printed with the line. Nothing is read, made or trained. Exit code 1 where there is a fault.
"""

import argparse
import logging
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable

import hypothesis
from fuzzed_lines import LINES
from hypothesis import HealthCheck, Phase, given, seed, settings
from request_lines import Line, judged

Fault = Callable[[Line, BaseException], object]


def outcome(line: Line) -> str:
    """`sound` or `refused`. Raises whatever else the judging raises, and ValueError for a refusal that says nothing."""
    try:
        result = judged.__wrapped__(line)
    except SystemExit as stopped:  # of argparse, as Hydra ends flags that do not go together
        if stopped.code != 2:
            raise
        return "refused"
    for mistake in result:
        if not mistake.problem.strip():
            raise ValueError(f"a refusal without a reason: {mistake!r}")
        str(mistake).encode("utf-8", "surrogateescape")
    return "refused" if result else "sound"


def fuzz(lines: int, start: int, fault: Fault) -> Counter[str]:
    """Outcomes of so many lines; `fault` is called with each line that did not survive."""
    counts: Counter[str] = Counter()

    @seed(start)
    @settings(
        max_examples=lines,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(LINES)
    def one(line: Line) -> None:
        try:
            counts[outcome(line)] += 1
        except Exception as error:  # noqa: BLE001 (any exception is what is looked for here)
            counts["fault"] += 1
            fault(line, error)

    one()
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=int, default=500, help="lines between two counts printed")
    given_ = parser.parse_args()
    logging.disable(logging.CRITICAL)
    total: Counter[str] = Counter()
    begun = time.monotonic()
    for number, done in enumerate(range(0, given_.lines, given_.share)):
        total += fuzz(min(given_.share, given_.lines - done), given_.seed + number, _printed)
        print(f"{total.total()} tried, {total['sound'] + total['refused']} survived ({dict(total)}), "
              f"{time.monotonic() - begun:.0f} s", flush=True)  # fmt: skip
    return 1 if total["fault"] else 0


def _printed(line: Line, error: BaseException) -> None:
    print(ascii(f"FAULT {shlex.join(line)}"), f"    {type(error).__name__}: {str(error)!a}", sep="\n", flush=True)


if __name__ == "__main__":
    hypothesis.settings.register_profile("fuzz", print_blob=False)
    hypothesis.settings.load_profile("fuzz")
    sys.exit(main())
