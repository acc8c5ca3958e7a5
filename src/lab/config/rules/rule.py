"""The type of a rule: the dotted keys whose values it takes, and the function that yields the mistakes.

A rule is pure and needs no data. It is left out where one of its keys is absent (another kind of data or model) or
already known to be wrong.
"""

from collections.abc import Callable, Iterator

from lab.core.errors import Mistake

Found = Iterator[Mistake]
Rule = tuple[tuple[str, ...], Callable[..., Found]]
