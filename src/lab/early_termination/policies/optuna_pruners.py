"""Optuna's pruners ASHA and Hyperband, which count and decide by their own rules (`trial.should_prune`).

Optuna is imported when a study needs the pruner: reports parse policies, too, and do not need it.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from lab.config.typed_block import Block
from lab.early_termination.policies.base import Candidate, Histories, Policy, Reason

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class OptunaPolicy(Policy):
    """A policy whose decision Optuna takes; its fields are the arguments of Optuna's pruner."""

    is_replayable = False

    def applies(self, n: int) -> bool:  # noqa: ARG002
        return False

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:  # noqa: ARG002
        return None


@dataclass(frozen=True)
class Asha(OptunaPolicy):
    """Asynchronous successive halving."""

    kind = "asha"
    min_resource: int = 1
    reduction_factor: int = 4
    min_early_stopping_rate: int = 0

    @classmethod
    def parse(cls, block: Block) -> Self:
        rate = block.whole("min_early_stopping_rate", 0)
        return cls(*_resources(block, 4), rate)

    def pruner(self) -> "BasePruner":
        from optuna.pruners import SuccessiveHalvingPruner

        return SuccessiveHalvingPruner(**asdict(self))


@dataclass(frozen=True)
class Hyperband(OptunaPolicy):
    """Several brackets of successive halving."""

    kind = "hyperband"
    min_resource: int = 1
    reduction_factor: int = 3
    max_resource: int | str = "auto"

    @classmethod
    def parse(cls, block: Block) -> Self:
        most = block.whole("max_resource", least=1) if block.has("max_resource") else "auto"
        return cls(*_resources(block, 3), most)

    def pruner(self) -> "BasePruner":
        from optuna.pruners import HyperbandPruner

        return HyperbandPruner(**asdict(self))


def _resources(block: Block, factor: int) -> tuple[int, int]:
    return block.whole("min_resource", 1, least=1), block.whole("reduction_factor", factor, least=2)
