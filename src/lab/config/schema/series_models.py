"""Nets that read series: Timer-XL, InceptionTime, PatchTST and MiniRocket features.

Every one takes windows (B, T, C); which settings belong together is told by `kind`. Sizes of published networks stand
in conf/model/.
"""

from typing import Literal

from lab.config.schema.node import Layers, Share, Width
from lab.config.schema.text_models import Model


class SeriesNet(Model):
    """What all nets have; `dropout` is in front of the heads."""

    dropout: Share
    ensemble: Layers
    """Nets trained side by side, each with heads of its own; a prediction is the mean of their probabilities."""


class TimerXL(SeriesNet):
    """Timer-XL (arXiv 2410.04803) and Timer, as their authors released them."""

    kind: Literal["timer_xl"]
    patch: Width
    """Time steps of a token."""
    width: Width
    num_heads: Layers
    num_layers: Layers
    ffn_width: Width
    ffn: Literal["relu", "swiglu"]
    rope: Literal["interleaved_half", "split_full"]
    """Rotary angles on the first half of each head, in neighbouring pairs; or on all of it, in two halves."""
    rope_position: Literal["flat", "per_variate"]
    """Positions count over all tokens of all channels, or anew in each channel."""
    biases: Literal["all", "qkv"]
    """Linear layers that have a bias: all, or those of query, key and value alone."""
    variate_bias: bool
    """Whether attention learns to tell its own channel from others."""
    attention: Literal["fused", "plain"]
    causal: bool
    mixing: bool
    """Whether channels see each other; else each is read as a series of its own."""
    covariate: bool
    """Each channel sees itself alone; the last one all others, too, at all times: they are known ahead."""
    normalise: bool
    """Whether each channel of a window is put to mean 0, variance 1; both then go to the heads beside the states."""
    layer_dropout: Share
    time_pooling: Literal["mean", "last", "attention"]
    channel_pooling: Literal["mean", "attention", "concat"]
    checkpoint: str | None
    """Weights to begin with: a released file or folder, or a run of `pretrain`."""
    partial: bool
    """Whether a checkpoint that fills only some of the network will do."""
    pretrain: bool
    """Next-patch prediction in place of classification: labels are not looked at."""


class InceptionTime(SeriesNet):
    """InceptionTime (arXiv 1909.04939)."""

    kind: Literal["inception_time"]
    depth: Layers
    """Inception modules; every third ends a residual block."""
    filters: Width
    """Of each branch of a module."""
    bottleneck: Width
    kernels: tuple[Width, ...]


class PatchTst(SeriesNet):
    """PatchTST as a classifier (arXiv 2211.14730): channels are read apart by one encoder of patches."""

    kind: Literal["patchtst"]
    patch: Width
    stride: Width
    width: Width
    num_heads: Layers
    num_layers: Layers
    ffn_width: Width
    normalise: bool
    layer_dropout: Share
    channel_pooling: Literal["mean", "concat"]


class MiniRocket(SeriesNet):
    """MiniRocket (arXiv 2012.08791): fixed convolutions, one linear head that is solved or trained."""

    kind: Literal["minirocket"]
    num_features: Width
    max_dilations: Width
    head: Literal["ridge", "logistic"]
    """Ridge regression on -1/+1 targets in closed form after one pass; or cross-entropy by the optimizer."""
    alphas: tuple[float, ...]
    """Penalties that ridge chooses among by leave-one-out error."""
