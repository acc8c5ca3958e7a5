"""Counts of weights, and digests that change whenever a number would."""

from contextlib import nullcontext

import torch
from torch import nn

from lab.models.parameters import fingerprint, num_weights, parameter_counts, trainable_below


def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def test_counts_are_of_all_and_of_those_that_train() -> None:
    module = layer()
    module.bias.requires_grad_(False)
    assert parameter_counts(module) == {"total": 8, "trainable": 6}


def test_a_packed_parameter_counts_what_it_stands_for() -> None:
    packed = nn.Parameter(torch.zeros(4, dtype=torch.uint8), requires_grad=False)
    packed.quant_state = type("State", (), {"shape": torch.Size([4, 2])})()  # type: ignore[attr-defined]
    assert num_weights(packed) == 8


def test_a_part_that_trains_is_named() -> None:
    module = layer()
    assert trainable_below([module], 1) == "8 parameters below layer 1 train"
    assert trainable_below([module.requires_grad_(False)], 1) is None


def test_a_digest_is_of_weights_and_settings() -> None:
    first = fingerprint([layer()], ["a"], nullcontext)
    assert fingerprint([layer()], ["a"], nullcontext) == first
    assert fingerprint([layer()], ["b"], nullcontext) != first
    changed = layer()
    with torch.no_grad():
        changed.bias[0] += 1e-7
    assert fingerprint([changed], ["a"], nullcontext) != first
