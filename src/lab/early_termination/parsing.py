"""From an `early_termination` block to its policy; the policies of `lab` are registered here."""

from collections.abc import Mapping
from typing import Any

from lab.config.typed_block import opened
from lab.core.registry import POLICIES
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import NoPolicy, Policy
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.optuna_pruners import Asha, Hyperband
from lab.early_termination.policies.truncation_selection import TruncationSelection

KEY = "sweep.early_termination"
for policy_type in (NoPolicy, Bandit, MedianStopping, TruncationSelection, Asha, Hyperband):
    POLICIES.register(policy_type.kind, policy_type)


def parse(block: Mapping[str, Any] | str | None) -> Policy:
    """Return the policy of an `early_termination` block with Azure's keys; null, an empty block or `none`: no policy.

    Raises RequestError with every mistake in the block.
    """
    if block is None or block == {}:
        return NoPolicy()
    kind, read = opened(block, KEY, tuple(POLICIES))
    policy: Policy = POLICIES[kind].parse(read)
    read.settle()
    return policy
