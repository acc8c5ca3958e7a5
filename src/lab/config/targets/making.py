"""The objects of nodes whose targets and arguments `lab.config.targets.mistakes` has passed."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from hydra.utils import execution_whitelist, instantiate

from lab.config.schema.target import HYDRA_KEYS
from lab.config.targets.signatures import argument_names, located, parameters, qualified
from lab.config.targets.slots import PACKAGES
from lab.core.errors import Mistake, RequestError


def make_with(key: str, node: Mapping[str, Any], *live: Any, **injected: Any) -> Any:
    """As `make`, with objects as the first arguments, which Hydra would copy: parameters, an optimizer."""
    called = _made({**node, "_partial_": True})
    given = {name: value for name, value in injected.items() if name in argument_names(node) - {*node}}
    try:
        return called(*live, **given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RequestError(_not_made(key, node, error)) from error


def _not_made(key: str, node: Mapping[str, Any], reason: BaseException) -> Mistake:
    problem = f"{node['_target_']} cannot be made: {str(reason).splitlines()[0] if str(reason) else type(reason)}"
    return Mistake(key, problem, f"other arguments below {key}")


def make(key: str, node: Mapping[str, Any], **injected: Any) -> Any:
    """The object of a node that `mistakes` has passed; injected: further arguments, given where the class takes them.

    Raises RequestError where the constructor refuses its arguments.
    """
    names, takes_any = parameters(located(str(node["_target_"])))
    given = {name: value for name, value in injected.items() if (name in names or takes_any) and name not in node}
    try:
        return _made(dict(node) | given)
    except Exception as error:
        own = str(node["_target_"]).partition(".")[0] not in PACKAGES
        if isinstance(error, RequestError) or (own and not isinstance(error, TypeError | ValueError)):
            raise  # a fault inside a plug-in is shown with its trace
        raise RequestError(_not_made(key, node, error)) from error


def _made(value: Any) -> Any:
    """The value with each node in it replaced by its object, the inner ones first.

    A partial one is Python's own, which a module can keep among its hyperparameters: Hydra's cannot be pickled, and
    Lightning drops from the hyperparameters what cannot.
    """
    if isinstance(value, list | tuple):
        return [_made(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _made(item) for name, item in value.items()}
    if "_target_" not in value:
        return made
    address, args = str(made.pop("_target_")), made.pop("_args_", [])
    partly = made.pop("_partial_", False)
    arguments = {name: item for name, item in made.items() if name not in HYDRA_KEYS}
    target = located(address)
    if partly:
        return partial(target, *args, **arguments)
    with execution_whitelist([address, qualified(target)]):
        return instantiate({"_target_": address}, *args, _convert_="all", _recursive_=False, **arguments)
