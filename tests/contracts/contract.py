"""The base of the contract suites: what every member of a family must do, run on each member of a class.

A contract is a class whose name does not begin with `Test`, so that it is not collected itself. To run it on a class of
your own, subclass it in a test module, list the names of your members, and make them in the fixture that it names:

    from tests.contracts.test_early_termination import PolicyContract

    class TestMyPolicy(PolicyContract):
        members: ClassVar = {"mine": MyPolicy(patience=3)}

Each suite ends with such a class for the built-in members, which is the example to follow.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest


class Contract:
    """Runs every test of a subclass once for each of its `members`, as the argument `member`."""

    members: ClassVar[Iterable[Any]] = ()
    """Names of the members; a mapping passes its values to the tests and shows its keys."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Pass each member of the class that is being collected to the tests that ask for one."""
        if "member" in metafunc.fixturenames:
            assert metafunc.cls is not None
            members = metafunc.cls.members
            values = list(members.values()) if isinstance(members, dict) else list(members)
            metafunc.parametrize("member", values, ids=list(map(str, members)))
