"""The autoencoder of latent diffusion: 128 × 128 pixels to 16 × 16 latents of unit variance, and back.

    image (B, 3, S, S) --unshuffle 4--> (B, 48, S/4, S/4) -> ResBlocks -> stride 2 -> ResBlocks -> z (B, C, S/8, S/8)
    z -> ResBlocks -> upsample -> ResBlocks -> (B, 48, S/4, S/4) --shuffle 4--> image (B, 3, S, S)

Both halves add a learned residual to a linear map of 8 × 8 patches, which starts as their principal components:
the first training step reconstructs what a linear code of C numbers a patch can, colours included, and the
convolutions learn the rest. Rombach et al. 2022 (arXiv 2112.10752) diffuse in the latents of such a network;
theirs is larger, and is regularised by a KL term or a codebook where this one has noise on its latents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffviz.models.unet import zeroed

PATCH = 8  # pixels of an image's side for one latent position


@dataclass(frozen=True)
class AutoencoderConfig:
    """Everything that fixes the shape of the network; stored beside its weights."""

    size: int = 128  # side of the images that it was trained for; any multiple of 8 can be encoded
    latent_channels: int = 8
    channels: tuple[int, int] = (96, 192)  # at S/4 and at S/8
    encoder_blocks: int = 1  # residual blocks per resolution
    decoder_blocks: int = 2

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> AutoencoderConfig:
        known: dict[str, Any] = {**raw, "channels": tuple(raw["channels"])}
        return cls(**known)


class ConvBlock(nn.Module):
    """A residual block of two 3 × 3 convolutions at one width: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


def _blocks(width: int, n: int) -> nn.Sequential:
    return nn.Sequential(*(ConvBlock(width) for _ in range(n)))


class Encoder(nn.Module):
    """Images (B, 3, S, S) in [-1, 1] to raw latents (B, C, S/8, S/8); `Autoencoder.encode` scales them."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        outer, inner = config.channels
        self.linear = nn.Conv2d(3, config.latent_channels, PATCH, stride=PATCH)
        self.conv_in = nn.Conv2d(48, outer, 3, padding=1)
        self.outer = _blocks(outer, config.encoder_blocks)
        self.downsample = nn.Conv2d(outer, inner, 3, stride=2, padding=1)
        self.inner = _blocks(inner, config.encoder_blocks)
        self.norm = nn.GroupNorm(8, inner)
        self.conv_out = zeroed(nn.Conv2d(inner, config.latent_channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        h = self.outer(self.conv_in(F.pixel_unshuffle(x, 4)))
        h = self.inner(self.downsample(h))
        return self.linear(x) + self.conv_out(F.silu(self.norm(h)))


class Decoder(nn.Module):
    """Raw latents (B, C, H, W) to images (B, 3, 8 H, 8 W), not clipped."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        outer, inner = config.channels
        self.linear = nn.ConvTranspose2d(config.latent_channels, 3, PATCH, stride=PATCH)
        self.conv_in = nn.Conv2d(config.latent_channels, inner, 3, padding=1)
        self.inner = _blocks(inner, config.decoder_blocks)
        self.upsample = nn.Conv2d(inner, outer, 3, padding=1)
        self.outer = _blocks(outer, config.decoder_blocks)
        self.norm = nn.GroupNorm(8, outer)
        self.conv_out = zeroed(nn.Conv2d(outer, 48, 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        h = self.inner(self.conv_in(z))
        # Convolving before enlarging costs a quarter of the reverse order.
        h = self.outer(F.interpolate(self.upsample(h), scale_factor=2.0, mode="nearest"))
        return self.linear(z) + F.pixel_shuffle(self.conv_out(F.silu(self.norm(h))), 4)


def _eigh(a: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (N,), ascending, and eigenvectors (N, N), one a column; torch gives this function no types."""
    eigh = cast(Callable[[Tensor], tuple[Tensor, Tensor]], torch.linalg.eigh)  # pyright: ignore[reportUnknownMemberType]
    return eigh(a)


def set_linear(layer: nn.Conv2d | nn.ConvTranspose2d, weight: Tensor, bias: Tensor) -> None:
    """Overwrite the weight and the bias of a layer, which must have one."""
    layer.load_state_dict({"weight": weight, "bias": bias})


class Autoencoder(nn.Module):
    """encode: images (B, 3, S, S) in [-1, 1] -> latents (B, C, S/8, S/8) at zero mean and unit variance; decode: back."""

    mean: Tensor  # (C,) of the raw latents over the training images
    std: Tensor  # (C,)

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.register_buffer("mean", torch.zeros(config.latent_channels))
        self.register_buffer("std", torch.ones(config.latent_channels))

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the latents of an image of the trained size."""
        side = self.config.size // PATCH
        return (self.config.latent_channels, side, side)

    def encode(self, x: Tensor) -> Tensor:
        """Latents of images (B, 3, S, S) in [-1, 1]. Raises ValueError where S is no multiple of 8."""
        if x.shape[-1] % PATCH or x.shape[-2] % PATCH:
            raise ValueError(f"the sides of an image must be multiples of {PATCH}, not {tuple(x.shape[-2:])}")
        return (self.encoder(x) - self.mean[:, None, None]) / self.std[:, None, None]

    def decode(self, z: Tensor) -> Tensor:
        """Images (B, 3, 8 H, 8 W), clipped to [-1, 1], of latents (B, C, H, W)."""
        return self.decoder(z * self.std[:, None, None] + self.mean[:, None, None]).clamp(-1, 1)

    @torch.no_grad()
    def start_from_principal_components(self, patches: Tensor) -> None:
        """Set both linear maps to the leading principal components of patches (N, 3, 8, 8), whitened."""
        flat = patches.flatten(1).double()
        mean = flat.mean(0)
        variance, directions = _eigh(torch.cov((flat - mean).T))
        c = self.config.latent_channels
        directions, scale = directions[:, -c:].flip(1), variance[-c:].flip(0).sqrt()  # (192, C), (C,)
        encode = (directions / scale).T
        set_linear(self.encoder.linear, encode.reshape(c, 3, PATCH, PATCH), -(encode @ mean))
        decode = (directions * scale).T.reshape(c, 3, PATCH, PATCH)
        # A transposed convolution has one bias a channel; the mean patch of images is nearly one colour.
        set_linear(self.decoder.linear, decode, mean.reshape(3, -1).mean(1))
