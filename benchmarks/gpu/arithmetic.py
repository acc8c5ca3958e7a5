"""Model FLOPs utilisation: the share of a card's peak that the arithmetic of training needs.

After arXiv 2204.02311, appendix B: a token costs 6 N FLOPs for the N weights of matrices that train (2 forward, 4
backward), 2 N for those below the lowest trained layer, and 12 L D T for the scores and the weighted sums of attention
in L layers of width D over T tokens (a third of it without a backward pass). Embedding tables are looked up, not
multiplied, and are no part of N.
"""

from collections.abc import Mapping

PEAKS: Mapping[str, float] = {
    "H200": 989.4e12, "H100 PCIe": 756e12, "H100": 989.4e12, "A100": 312e12, "A10": 125e12, "L40S": 362e12,
    "L4": 121e12, "V100": 125e12, "T4": 65e12, "RTX 4090": 165.2e12, "RTX 3090": 71e12,
}  # fmt: skip
"""Dense FLOPs per second of fp16 or bf16 with sums in fp32, from NVIDIA's data sheets, by part of the card's name; the
first that fits counts."""


def flops_per_token(trained: int, frozen: int, layers: int, width: int, tokens: float) -> float:
    """FLOPs of training on one token. trained, frozen: weights of matrices; tokens: mean tokens of a text, padded."""
    share = trained / (trained + frozen)
    return 6 * trained + 2 * frozen + 12 * layers * width * tokens * (share + (1 - share) / 3)


def peak_flops(card: str) -> float | None:
    """The peak of a card; None for an unknown one."""
    return next((peak for name, peak in PEAKS.items() if name in card), None)


def utilisation(flops_of_token: float, tokens_per_s: float, peak: float) -> float:
    """The share of the peak, from 0 to 1."""
    return flops_of_token * tokens_per_s / peak
