"""Timer-XL (arXiv 2410.04803) and Timer: one encoder of patches with settings for both networks that were released.

A token is a patch of P time steps of one channel; tokens are ordered by channel. Layers are post-norm and a LayerNorm
comes last. With `forecasts`, a linear head predicts the next patch of each token. OpenLTM's network: ReLU, all biases,
variate bias, rotary angles on half of each head (67,398,880 parameters in 142 tensors with D 1024 and 8 layers).
Hugging Face's network: SwiGLU, biases only at query, key and value, one channel (84,142,080 parameters in 116 tensors).
Shapes: B rows, C channels, N patches of P steps, S = C N tokens, D width.
"""

from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import TimerXL
from lab.models.series.timer_xl.attention import Layout, VariateAttention, layout


class Relu(nn.Module):
    """Feed-forward layer W2 drop(relu(W1 x))."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        biased = config.biases == "all"
        self.up = nn.Linear(config.width, config.ffn_width, bias=biased)
        self.down = nn.Linear(config.ffn_width, config.width, bias=biased)
        self.dropout = nn.Dropout(config.layer_dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        output: Tensor = self.down(self.dropout(functional.relu(self.up(tokens))))
        return output


class Swiglu(nn.Module):
    """Feed-forward layer W2 (silu(Wg x) * W1 x) (arXiv 2002.05202)."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        biased = config.biases == "all"
        self.gate = nn.Linear(config.width, config.ffn_width, bias=biased)
        self.up = nn.Linear(config.width, config.ffn_width, bias=biased)
        self.down = nn.Linear(config.ffn_width, config.width, bias=biased)

    def forward(self, tokens: Tensor) -> Tensor:
        output: Tensor = self.down(functional.silu(self.gate(tokens)) * self.up(tokens))
        return output


class TimerLayer(nn.Module):
    """A post-norm layer: x = norm1(x + drop(attention(x))); x = norm2(x + drop(ffn(x)))."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        self.attention = VariateAttention(config)
        self.ffn = Relu(config) if config.ffn == "relu" else Swiglu(config)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.layer_dropout)

    def forward(self, tokens: Tensor, where: Layout) -> Tensor:
        tokens = self.norm1(tokens + self.dropout(self.attention(tokens, where)))
        output: Tensor = self.norm2(tokens + self.dropout(self.ffn(tokens)))
        return output


class TimerEncoder(nn.Module):
    """patches (B, C, N, P), kept (B, C, N) bool or None for all -> states (B, C, N, D) after the last norm."""

    def __init__(self, config: TimerXL, forecasts: bool) -> None:
        super().__init__()
        assert config.width % config.num_heads == 0, "a config rule refuses other widths"
        biased = config.biases == "all"
        self.config = config
        self.embedding = nn.Linear(config.patch, config.width, bias=biased)
        self.blocks = nn.ModuleList(TimerLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.patch, bias=biased) if forecasts else None

    def forward(self, patches: Tensor, kept: Tensor | None = None) -> Tensor:
        tokens = self.embedding(patches)
        return self.above(tokens, kept, 0)

    def above(self, states: Tensor, kept: Tensor | None, num_layers: int) -> Tensor:
        """The output, from states (B, C, N, D) after the first `num_layers` layers."""
        output: Tensor = self.norm(self.through(states, kept, num_layers, len(self.blocks)))
        return output

    def through(self, states: Tensor, kept: Tensor | None, first: int, last: int) -> Tensor:
        """States (B, C, N, D) after the layers from `first` to `last`, without `last`."""
        shape = states.shape
        if not self.config.mixing:
            states = states.flatten(0, 1)[:, None]
            kept = None if kept is None else kept.flatten(0, 1)[:, None]
        tokens = states.flatten(1, 2)
        flat = None if kept is None else kept.flatten(1)
        where = layout(self.config, states.shape[1], states.shape[2], flat, tokens.device)
        for block in list(self.blocks)[first:last]:
            tokens = block(tokens, where)
        return tokens.reshape(shape)

    def forecast(self, states: Tensor) -> Tensor:
        """The predicted next patch of each token: (B, C, N, D) -> (B, C, N, P), on the scale of the input patches."""
        assert self.head is not None, "built without a head"
        predicted: Tensor = self.head(states)
        return predicted


def patched(values: Tensor, patch: int) -> Tensor:
    """Cut a series into patches: (B, T, C) -> (B, C, N, P), from the first N P time steps."""
    return values.transpose(1, 2).unfold(-1, patch, patch)


def positions_span_channels(model: TimerXL, num_channels: int) -> bool:
    """Whether position numbers continue from channel to channel. Then every window is padded to the longest length."""
    return model.rope_position == "flat" and model.mixing and num_channels > 1


def whole_patches(length: int, patch: int) -> int:
    """`length`, rounded up to a multiple of `patch`."""
    return -(-length // patch) * patch
