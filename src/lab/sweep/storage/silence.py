"""Which trials have silent controllers, judged by marks that do not change.

Machines' clocks differ, so the time in a mark decides only how long to watch: a mark that is old by this machine's
clock is watched for a short time, any other for the whole silence. While a controller lives, its marks change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Mark = tuple[str | None, float | None]
"""The claim of a trial, and the time at which it was last marked, in seconds since 1970 by its controller's clock."""


@dataclass
class Watch:
    """The marks as first seen. since: this machine's monotonic time, by number of the trial."""

    marks: dict[int, Mark] = field(default_factory=dict)
    since: dict[int, float] = field(default_factory=dict)

    def silent(
        self, marks: Mapping[int, Mark], now: float, monotonic: float, silent_s: float, watch_s: float
    ) -> list[int]:
        """Return the trials whose mark has not changed for `silent_s`, or for `watch_s` if it is older than `silent_s`.

        marks: of the trials that other controllers run now; now: seconds since 1970; monotonic: by this machine's
        monotonic clock.

        >>> watch = Watch()
        >>> watch.silent({3: ("a", 100.0)}, now=110.0, monotonic=0.0, silent_s=120.0, watch_s=35.0)
        []
        >>> watch.silent({3: ("a", 100.0)}, now=231.0, monotonic=121.0, silent_s=120.0, watch_s=35.0)
        [3]
        """
        for number, mark in marks.items():
            if self.marks.get(number) != mark:
                self.since[number] = monotonic
        self.marks = dict(marks)
        return [
            number
            for number, (_, seen) in marks.items()
            if monotonic - self.since[number]
            >= (min(watch_s, silent_s) if seen is not None and now - seen > silent_s else silent_s)
        ]
