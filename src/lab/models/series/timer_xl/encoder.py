"""Timer-XL (arXiv 2410.04803) and Timer: one encoder of patches with switches for both networks their authors released.

Patches of P time steps of each channel are tokens, channel after channel; layers are post-norm; a last LayerNorm; with
`forecasts`, a linear head predicts of every token the patch that follows it. OpenLTM's file: ReLU, biases, variate
bias, rotary angles on half of each head (67,398,880 parameters, 142 tensors at D 1024, 8 layers). Hugging Face's:
SwiGLU, biases at query, key, value alone, one channel (84,142,080 in 116).
Shapes: B rows, C channels, N patches of P steps, S = C N tokens, D width.
"""

from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import TimerXL
from lab.models.series.timer_xl.attention import Layout, VariateAttention, layout


class Relu(nn.Module):
    """W2 drop(relu(W1 x))."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        biased = config.biases == "all"
        self.up = nn.Linear(config.width, config.ffn_width, bias=biased)
        self.down = nn.Linear(config.ffn_width, config.width, bias=biased)
        self.dropout = nn.Dropout(config.layer_dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.down(self.dropout(functional.relu(self.up(tokens))))
        return found


class Swiglu(nn.Module):
    """W2 (silu(Wg x) * W1 x) (arXiv 2002.05202)."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        biased = config.biases == "all"
        self.gate = nn.Linear(config.width, config.ffn_width, bias=biased)
        self.up = nn.Linear(config.width, config.ffn_width, bias=biased)
        self.down = nn.Linear(config.ffn_width, config.width, bias=biased)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.down(functional.silu(self.gate(tokens)) * self.up(tokens))
        return found


class TimerLayer(nn.Module):
    """Post-norm: x = norm1(x + drop(attention(x))); x = norm2(x + drop(ffn(x)))."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        self.attention = VariateAttention(config)
        self.ffn = Relu(config) if config.ffn == "relu" else Swiglu(config)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.layer_dropout)

    def forward(self, tokens: Tensor, where: Layout) -> Tensor:
        tokens = self.norm1(tokens + self.dropout(self.attention(tokens, where)))
        found: Tensor = self.norm2(tokens + self.dropout(self.ffn(tokens)))
        return found


class TimerEncoder(nn.Module):
    """patches (B, C, N, P), kept (B, C, N) bool or None for all -> states (B, C, N, D) after the last norm."""

    def __init__(self, config: TimerXL, forecasts: bool) -> None:
        super().__init__()
        assert config.width % config.num_heads == 0, "a rule refuses it"
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
        """What the layers above the first `num_layers` make of states (B, C, N, D)."""
        found: Tensor = self.norm(self.through(states, kept, num_layers, len(self.blocks)))
        return found

    def through(self, states: Tensor, kept: Tensor | None, first: int, last: int) -> Tensor:
        """States (B, C, N, D) after layers `first` to `last`, the last one not included."""
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
        """The patch after each token: (B, C, N, D) -> (B, C, N, P), on the scale of the patches that came in."""
        assert self.head is not None, "built without a head"
        found: Tensor = self.head(states)
        return found


def patched(values: Tensor, patch: int) -> Tensor:
    """(B, T, C) -> (B, C, N, P), the first N P time steps."""
    return values.transpose(1, 2).unfold(-1, patch, patch)


def places_run_on(model: TimerXL, num_channels: int) -> bool:
    """Whether positions count through all channels, so that a window has to have its longest length to have its own."""
    return model.rope_position == "flat" and model.mixing and num_channels > 1


def whole_patches(length: int, patch: int) -> int:
    """The least multiple of `patch` that holds `length` time steps."""
    return -(-length // patch) * patch


__all__ = ["TimerEncoder", "TimerLayer", "patched", "places_run_on", "whole_patches"]
