"""Timer-XL as a net for classification: states pooled over time and channels, beside what the normalisation took out.

Windows are padded on the left to whole patches, so the newest samples are never lost; a patch without any sample is no
key to attention and counts in no mean. Features: states pooled over N, then over C, with each channel's mean and log of
its deviation, all through a LayerNorm. Shapes: B rows, T time steps, C channels, N patches, D width.
"""

import torch
from torch import Tensor, nn

from lab.config.schema import TimerXL
from lab.models.pooling import AttentionPooling
from lab.models.series.interfaces import CuttableNet, normalised, padded_left, weighed_mean
from lab.models.series.timer_xl.encoder import TimerEncoder, patched, places_run_on, whole_patches

BELOW = {
    "patch", "width", "num_heads", "num_layers", "ffn_width", "ffn", "rope", "rope_position", "biases", "variate_bias",
    "attention", "causal", "mixing", "covariate", "normalise",
}  # fmt: skip
"""Settings that decide what the layers compute; the others act above them or in training alone."""


class TimerNet(CuttableNet):
    """values, observed (B, T, C) -> (B, D + 2 C), or (B, C (D + 2)) with `channel_pooling: concat`.

    length: the longest window. Every window is padded to it where positions run on over all channels, or they would
    depend on the other windows of a batch.
    """

    def __init__(self, model: TimerXL, channels: int, length: int) -> None:
        super().__init__()
        self.config = model
        self.whole_length = whole_patches(length, model.patch)
        self.fixed = places_run_on(model, channels)
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

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        if self.fixed:
            values, observed = padded_left(values, observed, self.whole_length)
        patches, kept, taken = prepared(values, observed, self.config)
        states = self.encoder(patches, None if bool(kept.all()) else kept)
        return self.pooled(states, kept, taken)

    def signature(self) -> str:
        return self.config.model_dump_json(include=BELOW)

    def forward_below(self, values: Tensor, observed: Tensor, num_layers: int) -> Tensor:
        values, observed = padded_left(values, observed, self.whole_length)
        patches, kept, _ = prepared(values, observed, self.config)
        states = self.encoder.embedding(patches)
        return self.encoder.through(states, None if bool(kept.all()) else kept, 0, num_layers).flatten(1, 2)

    def forward_above(self, states: Tensor, values: Tensor, observed: Tensor, num_layers: int) -> Tensor:
        values, observed = padded_left(values, observed, self.whole_length)
        _, kept, taken = prepared(values, observed, self.config)
        found = states.float().reshape(*kept.shape, self.width)
        return self.pooled(self.encoder.above(found, None if bool(kept.all()) else kept, num_layers), kept, taken)

    def pooled(self, states: Tensor, kept: Tensor, taken: Tensor) -> Tensor:
        """states (B, C, N, D), kept (B, C, N), taken (B, 2 C) -> features."""
        channels = self._over_time(states, kept)
        there = kept.any(-1)
        if self.config.channel_pooling == "concat":
            together = (channels * there[..., None]).flatten(1)
        elif self.channel_pooling is not None:
            together = self.channel_pooling(channels, there).squeeze(1)
        else:
            together = weighed_mean(channels, there, dim=1)
        found: Tensor = self.norm(torch.cat([together, taken], -1) if self.config.normalise else together)
        return found

    def _over_time(self, states: Tensor, kept: Tensor) -> Tensor:
        """(B, C, D) fp32."""
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
    """Patches (B, C, N, P), which of them hold a sample (B, C, N), and mean and log-deviation (B, 2 C) of each channel.

    Both are 0 for a channel without any sample.
    """
    values, observed = padded_left(values, observed, whole_patches(values.shape[1], model.patch))
    kept = patched(observed, model.patch).any(-1)
    if not model.normalise:
        return patched(values, model.patch), kept, values.new_zeros(len(values), 0)
    scaled, mean, spread = normalised(values, observed)
    there = observed.any(1)
    taken = torch.cat([mean[:, 0] * there, spread[:, 0].log() * there], -1)
    return patched(scaled, model.patch), kept, taken
