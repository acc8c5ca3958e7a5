"""From an `early_termination` block to its policy: the one table of policies."""

from collections.abc import Mapping
from typing import Any

from lab.config.typed_block import opened
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import NoPolicy, Policy
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.optuna_pruners import Asha, Hyperband
from lab.early_termination.policies.truncation_selection import TruncationSelection

KEY = "sweep.early_termination"
POLICIES: dict[str, type[Policy]] = {
    policy.kind: policy for policy in (NoPolicy, Bandit, MedianStopping, TruncationSelection, Asha, Hyperband)
}


def parse(block: Mapping[str, Any] | str | None) -> Policy:
    """Return the policy of an `early_termination` block with Azure's keys; null, an empty block or `none`: no policy.

    Raises RequestError with every mistake in the block.
    """
    if block is None or block == {}:
        return NoPolicy()
    kind, read = opened(block, KEY, tuple(POLICIES))
    policy = POLICIES[kind].parse(read)
    read.settle()
    return policy
