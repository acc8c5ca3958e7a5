"""Timer-XL as a net for classification: states pooled over time and channels, and the statistics of each channel.

Windows are padded on the left to whole patches, so that no new value is lost. Attention and means skip patches without
observed values. Features are the states pooled over N, then over C, and the mean and log-deviation of each channel,
which the normalisation removed; a LayerNorm follows. Shapes: B rows, T time steps, C channels, N patches, D width.
"""

import torch
from torch import Tensor, nn

from lab.config.schema import TimerXL
from lab.models.pooling import AttentionPooling
from lab.models.series.interfaces import CuttableNet, mask_of, normalised, padded_left, weighed_mean
from lab.models.series.timer_xl.encoder import TimerEncoder, patched, positions_span_channels, whole_patches

BELOW = {
    "patch", "width", "num_heads", "num_layers", "ffn_width", "ffn", "rope", "rope_position", "biases", "variate_bias",
    "attention", "causal", "mixing", "covariate", "normalise",
}  # fmt: skip
"""Settings that decide what the layers compute. The others act above the layers or only in training."""


class TimerNet(CuttableNet):
    """values, observed (B, T, C) -> (B, D + 2 C), or (B, C (D + 2)) with `channel_pooling: concat`.

    length: the longest window. If position numbers continue from channel to channel, every window is padded to it;
    otherwise its positions would depend on the other windows of a batch.
    """

    takes_no_mask = True

    def __init__(self, model: TimerXL, channels: int, length: int) -> None:
        super().__init__()
        self.config = model
        self.whole_length = whole_patches(length, model.patch)
        self.fixed = positions_span_channels(model, channels)
        self.width = model.width
        self.places = channels * self.whole_length // model.patch
        self.encoder = TimerEncoder(model, forecasts=False)
        self.time_pooling = AttentionPooling(model.width) if model.time_pooling == "attention" else None
        self.channel_pooling = AttentionPooling(model.width) if model.channel_pooling == "attention" else None
        pooled = model.width * (channels if model.channel_pooling == "concat" else 1)
        self.dimension = pooled + (2 * channels if model.normalise else 0)
        self.norm = nn.LayerNorm(self.dimension)

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.encoder.embedding]

    @property
    def layers(self) -> list[nn.Module]:
        return list(self.encoder.blocks)

    def forward(self, values: Tensor, observed: Tensor | None) -> Tensor:
        values, observed, whole = self._padded(values, observed, self.fixed)
        patches, kept, statistics = prepared(values, observed, self.config)
        states = self.encoder(patches, mask_of(kept, whole))
        return self.pooled(states, kept, statistics)

    def signature(self) -> str:
        return self.config.model_dump_json(include=BELOW)

    def forward_below(self, values: Tensor, observed: Tensor, num_layers: int) -> Tensor:
        values, observed = padded_left(values, observed, self.whole_length)
        patches, kept, _ = prepared(values, observed, self.config)
        states = self.encoder.embedding(patches)
        return self.encoder.through(states, mask_of(kept, False), 0, num_layers).flatten(1, 2)

    def forward_above(self, states: Tensor, values: Tensor, observed: Tensor | None, num_layers: int) -> Tensor:
        values, observed, whole = self._padded(values, observed, True)
        _, kept, statistics = prepared(values, observed, self.config)
        states = states.float().reshape(*kept.shape, self.width)
        return self.pooled(self.encoder.above(states, mask_of(kept, whole), num_layers), kept, statistics)

    def _padded(self, values: Tensor, observed: Tensor | None, fixed: bool) -> tuple[Tensor, Tensor, bool]:
        """Values and mask, padded to the longest window if `fixed`; whether every patch is known to have a value."""
        whole = observed is None and (not fixed or self.whole_length - values.shape[1] < self.config.patch)
        if observed is None:
            observed = torch.ones_like(values, dtype=torch.bool)
        padded = padded_left(values, observed, self.whole_length) if fixed else (values, observed)
        return *padded, whole

    def pooled(self, states: Tensor, kept: Tensor, statistics: Tensor) -> Tensor:
        """Features (B, dimension) from states (B, C, N, D), kept (B, C, N) and `statistics` (B, 2 C)."""
        channels = self._over_time(states, kept)
        has_values = kept.any(-1)
        if self.config.channel_pooling == "concat":
            pooled = (channels * has_values[..., None]).flatten(1)
        elif self.channel_pooling is not None:
            pooled = self.channel_pooling(channels, has_values).squeeze(1)
        else:
            pooled = weighed_mean(channels, has_values, dim=1)
        features: Tensor = self.norm(torch.cat([pooled, statistics], -1) if self.config.normalise else pooled)
        return features

    def _over_time(self, states: Tensor, kept: Tensor) -> Tensor:
        """States pooled over time, (B, C, D) fp32."""
        if self.config.time_pooling == "last":
            steps = torch.arange(kept.shape[-1], device=kept.device)
            newest = torch.where(kept, steps, 0).amax(-1)
            index = newest[..., None, None].expand(*newest.shape, 1, states.shape[-1])
            return states.gather(2, index).squeeze(2).float()
        if self.time_pooling is not None:
            flat: Tensor = self.time_pooling(states.flatten(0, 1), kept.flatten(0, 1)).squeeze(1)
            return flat.reshape(*states.shape[:2], -1)
        return weighed_mean(states, kept, dim=2)


def prepared(values: Tensor, observed: Tensor, model: TimerXL) -> tuple[Tensor, Tensor, Tensor]:
    """Patches (B, C, N, P), whether each has observed values (B, C, N), and channel statistics (B, 2 C).

    The statistics are the mean and the log-deviation of each channel, both 0 for a channel without observed values.
    """
    values, observed = padded_left(values, observed, whole_patches(values.shape[1], model.patch))
    kept = patched(observed, model.patch).any(-1)
    if not model.normalise:
        return patched(values, model.patch), kept, values.new_zeros(len(values), 0)
    scaled, mean, spread = normalised(values, observed)
    has_values = observed.any(1)
    statistics = torch.cat([mean[:, 0] * has_values, spread[:, 0].log() * has_values], -1)
    return patched(scaled, model.patch), kept, statistics
