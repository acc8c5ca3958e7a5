"""`lab`: train, sweep and compare encoders. Its names are those of `lab.api`, imported on first use.

Everything else is in the rooms (`lab.training`, `lab.core`), which are imported by their own names.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "compose", "load", "runs", "train"]

if TYPE_CHECKING:
    from lab.api import Run, compose, load, runs, train


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lab import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
