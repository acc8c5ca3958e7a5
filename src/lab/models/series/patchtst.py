"""PatchTST as a classifier (arXiv 2211.14730): one transformer reads the patches of each channel separately.

As in the paper, each channel of a window is normalised and cut into overlapping patches, which get a linear embedding
and a learned position; layers are post-norm with batch norm and GELU. Patches are averaged, then channels are
concatenated or averaged. Positions count from the newest patch, and padding is on the left, so windows of different
lengths have the same positions. Attention, means and norms skip patches without observed values.
Shapes: B rows, T time steps, C channels, N patches, P steps of a patch, D width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import PatchTst
from lab.core.batches import SeriesSpec
from lab.core.registry import SERIES_NETS
from lab.models.series.interfaces import MaskedBatchNorm, Net, mask_of, normalised, padded_left, weighed_mean


class PatchLayer(nn.Module):
    """tokens (B, N, D), kept (B, N) bool or None for all -> (B, N, D). Norms count only the tokens that are kept."""

    def __init__(self, config: PatchTst) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.attend = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.up = nn.Linear(config.width, config.ffn_width)
        self.down = nn.Linear(config.ffn_width, config.width)
        self.norm1, self.norm2 = MaskedBatchNorm(config.width), MaskedBatchNorm(config.width)
        self.dropout = nn.Dropout(config.layer_dropout)

    def forward(self, tokens: Tensor, kept: Tensor | None) -> Tensor:
        heads = self.attend(tokens).reshape(*tokens.shape[:2], 3, self.num_heads, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        # a row without any kept token may attend to all of its tokens, because softmax needs at least one key
        allowed = None if kept is None else (kept | ~kept.any(1, keepdim=True))[:, None, None]
        mixed = functional.scaled_dot_product_attention(query, key, value, allowed)
        tokens = _normed(self.norm1, tokens + self.dropout(self.out(mixed.transpose(1, 2).flatten(2))), kept)
        inner = self.down(self.dropout(functional.gelu(self.up(tokens))))
        return _normed(self.norm2, tokens + self.dropout(inner), kept)


class PatchTstNet(Net):
    """values, observed (B, T, C) -> (B, D + 2 C), or (B, C (D + 2)) with `channel_pooling: concat`.

    Normalisation removes the mean and the deviation of each channel, so the mean and the log of the deviation are
    appended to the output of the encoder.
    """

    takes_no_mask = True

    def __init__(self, model: PatchTst, channels: int, length: int) -> None:
        super().__init__()
        self.config = model
        self.num_patches = patches_of(length, model)
        self.embedding = nn.Linear(model.patch, model.width)
        self.position = nn.Parameter(torch.empty(self.num_patches, model.width).uniform_(-0.02, 0.02))
        self.dropout = nn.Dropout(model.layer_dropout)
        self.blocks = nn.ModuleList(PatchLayer(model) for _ in range(model.num_layers))
        concatenated = model.channel_pooling == "concat"
        self.dimension = model.width * (channels if concatenated else 1) + (2 * channels if model.normalise else 0)

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.embedding]

    @property
    def layers(self) -> list[nn.Module]:
        return list(self.blocks)

    def forward(self, values: Tensor, observed: Tensor | None) -> Tensor:
        model, whole = self.config, observed is None
        if observed is None:
            observed = torch.ones_like(values, dtype=torch.bool)
        has_values = observed.any(1)
        mean, spread = values.new_zeros(len(values), 1, values.shape[2]), torch.ones((), device=values.device)
        if model.normalise:
            values, mean, spread = normalised(values, observed)
        num_patches = patches_of(values.shape[1], model)
        covered = (num_patches - 1) * model.stride + model.patch
        values, observed = padded_left(values, observed, covered)
        patches = values.transpose(1, 2).unfold(-1, model.patch, model.stride).flatten(0, 1)
        kept = _kept(observed.transpose(1, 2).unfold(-1, model.patch, model.stride), model.stride).flatten(0, 1)
        pooled = self._encoded(patches, mask_of(kept, whole), kept).reshape(*has_values.shape, -1)
        pooled = pooled * has_values[..., None]
        features = pooled.flatten(1) if model.channel_pooling == "concat" else weighed_mean(pooled, has_values, dim=1)
        if not model.normalise:
            return features
        return torch.cat([features, mean[:, 0] * has_values, spread[:, 0].log() * has_values], -1)

    def _encoded(self, patches: Tensor, masked: Tensor | None, kept: Tensor) -> Tensor:
        """(B C, N, P) -> (B C, D). The output of a row without observed values means nothing; the caller ignores it."""
        tokens = self.dropout(self.embedding(patches) + self.position[self.num_patches - patches.shape[1] :])
        for block in self.blocks:
            tokens = block(tokens, masked)
        return weighed_mean(tokens, kept, dim=1)


def patches_of(length: int, config: PatchTst) -> int:
    """Number of patches that cover `length` time steps; the first patch is padded on the left."""
    return 1 + -(-max(0, length - config.patch) // config.stride)


def _kept(observed: Tensor, stride: int) -> Tensor:
    """The patches that count, (B, C, N) from (B, C, N, P).

    A patch counts if one of its oldest `stride` time steps is observed; the newest patch counts if any time step is.
    These patches cover every observed value. A patch that only overlaps the first values of a window does not count,
    because it does not exist when the window is alone in a batch.
    """
    kept = observed[..., :stride].any(-1)
    kept[..., -1] |= observed[..., -1, :].any(-1)
    return kept


def _normed(norm: MaskedBatchNorm, tokens: Tensor, kept: Tensor | None) -> Tensor:
    normed: Tensor = norm(tokens.transpose(1, 2), kept).transpose(1, 2)
    return normed


@SERIES_NETS.register("patchtst")
def for_data(model: PatchTst, spec: SeriesSpec) -> PatchTstNet:
    """The net for the channels and windows of the data."""
    return PatchTstNet(model, len(spec.channels), spec.length)
