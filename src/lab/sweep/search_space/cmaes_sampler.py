"""Optuna's CMA-ES with a safe reader of its state, which Optuna stores as a pickle in the study's storage.

A pickle may run any code that it names, and the storage may come from another person. This reader accepts only the
class of CMA-ES and numpy's arrays.
"""

import io
import pickle
from collections.abc import Iterable
from typing import Any

from optuna.samplers import CmaEsSampler
from optuna.trial import FrozenTrial

from lab.core.errors import GARBLED, Mistake, RequestError

ALLOWED = {
    ("cmaes._cma", "CMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("_core", "core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("_core", "core")),
}
"""The modules and names of a saved state."""
_STATE = "cma:optimizer:"


class SafeCmaEsSampler(CmaEsSampler):
    """CMA-ES whose saved state cannot run code. Raises RequestError for a state that is not of CMA-ES."""

    def _restore_optimizer(self, completed_trials: Iterable[FrozenTrial]) -> Any:
        """Return the state of the last trial that has one; None without any."""
        for trial in reversed(list(completed_trials)):
            parts = [key for key in trial.system_attrs if key.startswith(_STATE)]
            if parts:
                return _state("".join(str(trial.system_attrs[f"{_STATE}{part}"]) for part in range(len(parts))), trial)
        return None


def _state(text: str, trial: FrozenTrial) -> Any:
    try:
        return _Unpickler(io.BytesIO(bytes.fromhex(text))).load()
    except (pickle.UnpicklingError, EOFError, ValueError, *GARBLED) as error:
        problem = f"its storage contains a state of CMA-ES at trial {trial.number} that cannot be used: {error}"
        raise RequestError(Mistake("sweep.study", problem, "the command with a new name in sweep.study")) from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)
