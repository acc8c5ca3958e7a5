"""Optuna's CMA-ES without its pickles: it keeps its state as one in the study's storage, which may be anybody's.

A pickle runs what it names. This one may name CMA-ES's own class and numpy's arrays, and nothing else.
"""

import io
import pickle
from collections.abc import Iterable
from typing import Any

from optuna.samplers import CmaEsSampler
from optuna.trial import FrozenTrial

from lab.core.errors import GARBLED, Mistake, RequestError

MAY_NAME = {
    ("cmaes._cma", "CMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("_core", "core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("_core", "core")),
}
"""Modules and names that a saved state is made of."""
_STATE = "cma:optimizer:"


class SafeCmaEsSampler(CmaEsSampler):
    """CMA-ES whose saved state cannot act. Raises RequestError for a state that is none of CMA-ES's."""

    def _restore_optimizer(self, completed_trials: Iterable[FrozenTrial]) -> Any:
        """The state that the last trial with one has; None where there is none."""
        for trial in reversed(list(completed_trials)):
            parts = [key for key in trial.system_attrs if key.startswith(_STATE)]
            if parts:
                return _state("".join(str(trial.system_attrs[f"{_STATE}{part}"]) for part in range(len(parts))), trial)
        return None


def _state(text: str, trial: FrozenTrial) -> Any:
    try:
        return _Unpickler(io.BytesIO(bytes.fromhex(text))).load()
    except (pickle.UnpicklingError, EOFError, ValueError, *GARBLED) as error:
        problem = f"its storage holds a state of CMA-ES at trial {trial.number} that cannot be used: {error}"
        raise RequestError(Mistake("sweep.study", problem, "sweep.study=ANOTHER")) from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in MAY_NAME:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)
