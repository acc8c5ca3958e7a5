"""Nets that read series: Timer-XL, InceptionTime, PatchTST and MiniRocket features.

Every one takes windows (B, T, C); `kind` says which settings belong together. Sizes of published networks stand
in conf/model/.
"""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Layers, Node, NonNegativeFloat, Number, Share, Width
from lab.config.schema.text_models import Model, Penalty


class SeriesNet(Model):
    """The keys of all nets for series."""

    dropout: Share
    """Dropout in front of the heads."""
    ensemble: Layers
    """Nets trained side by side, each with heads of its own; a prediction is the mean of their probabilities."""
    base: Literal["linear"] | None = None
    """A simple model whose logits the network's are added to, so that training starts from its scores: `linear`,
    logistic regression on the last values of the window; null: none."""
    base_dropout: Share = 0.0
    """Share of the training windows, drawn again for each batch, whose logits are the network's alone, so that it
    learns more than what the simple model leaves. Needs `base`."""
    confidence_weighting: NonNegativeFloat = 0.0
    """Power of the weights of training windows in the loss. 0: every label counts the same; 1: a label counts as its
    probability under the simple model fitted without its fold, divided by the mean of its class, at most 1, so that
    doubtful labels count less; each class keeps its share of the loss. Needs `base`."""


class TimerXL(SeriesNet):
    """Timer-XL (arXiv 2410.04803) and Timer, as their authors released them."""

    kind: Literal["timer_xl"]
    """Timer-XL or Timer."""
    patch: Width
    """Time steps of a token."""
    width: Width
    """Width of a token's vector."""
    num_heads: Layers
    """Attention heads of a layer."""
    num_layers: Layers
    """Layers of the encoder."""
    ffn_width: Width
    """Width of the feed-forward part of a layer."""
    ffn: Literal["relu", "swiglu"]
    """Kind of the feed-forward part: `relu`, or `swiglu`."""
    rope: Literal["interleaved_half", "split_full"]
    """Rotary angles on the first half of each head, in neighbouring pairs; or on all of it, in two halves."""
    rope_position: Literal["flat", "per_variate"]
    """Positions are counted over all tokens of all channels, or from 0 in each channel."""
    biases: Literal["all", "qkv"]
    """Linear layers that have a bias: all, or those of query, key and value alone."""
    variate_bias: bool
    """Whether attention learns to tell its own channel from others."""
    attention: Literal["fused", "plain"]
    """Attention by torch's `fused` kernel, or written out (`plain`), which is a reference."""
    causal: bool
    """Each token attends to earlier ones only."""
    mixing: bool
    """Whether channels see each other; else each is read as a series of its own."""
    covariate: bool
    """Each channel sees itself alone; the last one all others, too, at all times: they are known ahead. With
    `data.past_labels` the last one is the class of past steps."""
    normalise: bool
    """Whether each channel of a window is put to mean 0, variance 1; both then go to the heads beside the states."""
    layer_dropout: Share
    """Dropout inside the layers."""
    time_pooling: Literal["mean", "last", "attention"]
    """How the states of a channel become one vector."""
    channel_pooling: Literal["mean", "attention", "concat"]
    """How the vectors of the channels become one."""
    checkpoint: str | None
    """Weights to begin with: a released file or folder, or a run of `pretrain`."""
    partial: bool
    """Whether a checkpoint that fills only some of the network will do."""
    pretrain: bool
    """Next-patch prediction in place of classification: labels are not looked at."""


class LinearSkip(Node):
    """The key of nets whose heads may read the newest values of a window themselves."""

    linear_skip: Annotated[int, Field(ge=0, le=10_000), Number] = 0
    """Number of last values of each channel that the heads read beside the net's features, so that a linear model of
    them is a part of the model (as the linear layer of DLinear, arXiv 2205.13504, and the linear residual connection of
    TiDE, arXiv 2304.08424); 0: none. Runs of older versions lack it."""


class InceptionTime(SeriesNet, LinearSkip):
    """InceptionTime (arXiv 1909.04939)."""

    kind: Literal["inception_time"]
    """InceptionTime."""
    depth: Layers
    """Inception modules; every third ends a residual block."""
    filters: Width
    """Of each branch of a module."""
    bottleneck: Width
    """Channels that a module reduces its input to; 32 in the paper."""
    kernels: tuple[Width, ...]
    """Lengths of the convolutions of a module, in time steps."""


class PatchTst(SeriesNet, LinearSkip):
    """PatchTST as a classifier (arXiv 2211.14730): channels are read apart by one encoder of patches."""

    kind: Literal["patchtst"]
    """PatchTST."""
    patch: Width
    """Time steps of a patch."""
    stride: Width
    """Time steps between the starts of two patches."""
    width: Width
    """Width of a patch's vector."""
    num_heads: Layers
    """Attention heads of a layer."""
    num_layers: Layers
    """Layers of the encoder."""
    ffn_width: Width
    """Width of the feed-forward part of a layer."""
    normalise: bool
    """Put each channel of a window to mean 0, variance 1."""
    layer_dropout: Share
    """Dropout inside the layers."""
    channel_pooling: Literal["mean", "concat"]
    """How the vectors of the channels become one."""


class MiniRocket(SeriesNet):
    """MiniRocket (arXiv 2012.08791): fixed convolutions, one linear head that is solved or trained."""

    kind: Literal["minirocket"]
    """MiniRocket."""
    num_features: Width
    """Number of features, about; 10,000 in the paper."""
    max_dilations: Width
    """Largest number of dilations per kernel."""
    head: Literal["ridge", "logistic"]
    """Ridge regression on -1/+1 targets in closed form after one pass; or cross-entropy by the optimizer."""
    alphas: tuple[float, ...]
    """Penalties that ridge chooses among by leave-one-out error."""


class LogisticLags(SeriesNet):
    """Logistic regression on the last values of each channel, solved after one pass over the training windows."""

    kind: Literal["logistic_lags"]
    """Logistic regression on lags."""
    c: Penalty | None
    """Weight of a row's error beside the squared weights; null: chosen on validation rows, from .01 to 100."""
    lags: Width | None
    """Number of last values of each channel; null: chosen on validation rows from 1, 2, 3, 7, 14, 28 and 48."""
    class_history: bool = False
    """Whether shares of past classes (`data.past_labels`), and the steps that the newest one has lasted, are read
    beside the last values; without past classes it has no effect. Runs of older versions lack it."""
