"""`lab`: train, sweep and compare encoders. Its names are those of `lab.api`, imported on first use.

Everything else is in the rooms (`lab.training`, `lab.core`), which are imported by their own names.
"""

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "compose", "load", "runs", "train"]

TYPE_CHECKING = False  # type checkers take it for true; importing typing takes ten times as long as lab itself
if TYPE_CHECKING:
    from lab.api import Run, compose, load, runs, train
else:

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from lab import api

        return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
