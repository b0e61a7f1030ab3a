"""The network: a small U-Net conditioned on the noise level and the prompt.

    image (B, 3, S, S) --unshuffle--> (B, 12, S/2, S/2)         pixel-unshuffle: 2 × 2 pixels become channels
        down blocks at S/2 --------------------------- skip ----+
            down blocks at S/4 ---------------- skip --+        |
                self- and cross-attention (prompt)     |        |
            up blocks at S/4  <------------------------+        |
        up blocks at S/2  <-------------------------------------+
    (B, 12, S/2, S/2) --shuffle--> v_hat (B, 3, S, S)

The noise level enters every residual block as a scale and a shift after its second normalisation; the words
enter by cross-attention at the lowest resolution and, averaged, along with the noise level.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffviz.models.text_encoder import TextEncoder


@dataclass(frozen=True)
class UNetConfig:
    """Everything that fixes the shape of the network; stored beside its weights."""

    size: int = 32  # side of the image in pixels, or of the latents
    channels: tuple[int, ...] = (64, 128)  # per level, highest resolution first
    blocks: int = 1  # residual blocks per level on the way down (one more on the way up)
    attention_blocks: int = 2  # transformer blocks in the middle
    heads: int = 4
    text_dim: int = 128
    n_tokens: int = 0  # size of the vocabulary, styles and special tokens included
    patch: int = 2  # side of the pixel patches that become channels
    in_channels: int = 3  # of the image, or of the latents

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> UNetConfig:
        known: dict[str, Any] = {**raw, "channels": tuple(raw["channels"])}
        return cls(**known)


def noise_level_embedding(angle: Tensor, dim: int) -> Tensor:
    """Sinusoidal features of the noise level (Vaswani et al. 2017, section 3.5): (B,) -> (B, dim)."""
    frequencies = torch.exp(
        torch.arange(dim // 2, device=angle.device) * (-math.log(1000.0) / (dim // 2 - 1))
    )
    phase = (angle.float() * (1000 / (math.pi / 2)))[:, None] * frequencies
    return torch.cat([phase.sin(), phase.cos()], dim=1)


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
Net = TypeVar("Net", bound=nn.Module)


def same_weights(net: Net) -> Net:
    """A second network of the very same tensors: only the modules are copied, which hooks and switches are kept in.

    Others are using the one that is shared: it must be left as it is.
    """
    shared = [*net.parameters(), *net.buffers()]
    return copy.deepcopy(net, {id(tensor): tensor for tensor in shared})


def zeroed(layer: Layer) -> Layer:
    """A layer whose output is zero at first: its block begins as its skip connection (zero initialisation)."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def in_memory_format(module: Net, layout: torch.memory_format) -> Net:
    """The module itself, with its weights in this layout; torch's `to` does this too, but no overload of it says so."""
    module.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    return module


class ResBlock(nn.Module):
    """Two 3 × 3 convolutions round a shortcut; `emb` scales and shifts between them."""

    def __init__(self, c_in: int, c_out: int, emb_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.emb = nn.Linear(emb_dim, 2 * c_out)
        self.norm2 = nn.GroupNorm(8, c_out)
        self.conv2 = zeroed(nn.Conv2d(c_out, c_out, 3, padding=1))
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.emb(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return self.skip(x) + h


class Attention(nn.Module):
    """Multi-head attention from positions (B, N, C) to a context (B, M, D), masked where mask is False."""

    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.kv = nn.Linear(context_dim, 2 * dim, bias=False)
        self.out = zeroed(nn.Linear(dim, dim))

    def _heads(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, N, d)
        k, v = self.kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, M, d) each
        return q, k, v

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self._heads(x, context)
        if mask is not None:
            mask = mask[:, None, None, :]  # (B, 1, 1, M)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """What each position takes from each part of the context, which `forward` does not keep: (B, H, N, M)."""
        q, k, _ = self._heads(x, context)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        return scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1)


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the words, and a two-layer perceptron, at each position."""

    def __init__(self, dim: int, text_dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.self_attention = Attention(dim, dim, heads)
        self.cross_attention = Attention(dim, text_dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.SiLU(), zeroed(nn.Linear(2 * dim, dim)))

    def forward(self, x: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.self_attention(h, h)
        x = x + self.cross_attention(self.norm2(x), words, mask)
        return x + self.mlp(self.norm3(x))


class UNet(nn.Module):
    """v_hat = net(x, angle, tokens).

    x (B, 3, S, S) at unit variance, angle (B,) in [0, pi/2] (see `Schedule.angle`), tokens (B, L) from
    `Vocabulary.encode`; returns (B, 3, S, S).
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        c, emb_dim = config.channels, 4 * config.channels[0]
        pixels = config.in_channels * config.patch**2
        self.text = TextEncoder(config.n_tokens, config.text_dim)
        self.noise_embed = nn.Sequential(nn.Linear(128, emb_dim), nn.SiLU(), nn.Linear(emb_dim, emb_dim))
        self.pooled = nn.Linear(config.text_dim, emb_dim)
        self.conv_in = nn.Conv2d(pixels, c[0], 3, padding=1)

        self.down, self.downsample = nn.ModuleList(), nn.ModuleList()
        c_now, skips = c[0], [c[0]]
        for level, width in enumerate(c):
            for _ in range(config.blocks):
                self.down.append(ResBlock(c_now, width, emb_dim))
                c_now = width
                skips.append(width)
            if level + 1 < len(c):
                self.downsample.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        grid = config.size // config.patch // 2 ** (len(c) - 1)
        self.position = nn.Parameter(torch.zeros(1, grid * grid, c_now))
        self.middle = nn.ModuleList(
            TransformerBlock(c_now, config.text_dim, config.heads) for _ in range(config.attention_blocks)
        )
        self.up, self.upsample = nn.ModuleList(), nn.ModuleList()
        for level, width in reversed(list(enumerate(c))):
            for _ in range(config.blocks + 1):
                self.up.append(ResBlock(c_now + skips.pop(), width, emb_dim))
                c_now = width
            if level:
                self.upsample.append(nn.Conv2d(width, width, 3, padding=1))
        self.norm = nn.GroupNorm(8, c_now)
        self.conv_out = zeroed(nn.Conv2d(c_now, pixels, 3, padding=1))

    def forward(self, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
        words, pooled, mask = self.text(tokens)
        emb = F.silu(self.noise_embed(noise_level_embedding(angle, 128)) + self.pooled(pooled))  # (B, E)

        h = self.conv_in(F.pixel_unshuffle(x, self.config.patch))  # (B, C0, S/2, S/2)
        skips, blocks, last = [h], iter(self.down), len(self.downsample)
        for level in range(last + 1):
            for _ in range(self.config.blocks):
                h = next(blocks)(h, emb)
                skips.append(h)
            if level < last:
                h = self.downsample[level](h)
                skips.append(h)

        height, width = h.shape[2:]
        seq = h.flatten(2).transpose(1, 2) + self.position  # (B, N, C)
        for block in self.middle:
            seq = block(seq, words, mask)
        h = seq.transpose(1, 2).unflatten(2, (height, width))

        blocks = iter(self.up)
        for level in range(last + 1):
            for _ in range(self.config.blocks + 1):
                h = next(blocks)(torch.cat([h, skips.pop()], dim=1), emb)
            if level < last:
                h = self.upsample[level](F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm(h))), self.config.patch)
