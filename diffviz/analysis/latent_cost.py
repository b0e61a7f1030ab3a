"""What an image costs in pixels and in latents: floating point operations counted, and time measured, in one run.

Operations are counted by torch's own counter, on networks without memory of their own (device "meta"), so any
resolution can be asked about: a multiplication and an addition count as two. Only matrix products and convolutions
count, which is nearly all of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from diffviz import pacing
from diffviz.models.autoencoder import PATCH, Autoencoder, AutoencoderConfig
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import MAX_TOKENS
from diffviz.models.unet import UNet, UNetConfig

RESOLUTIONS = (32, 64, 128, 256, 512)


def count_flops(net: nn.Module, *inputs: Tensor) -> int:
    """Floating point operations of one call."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(*inputs)
    return counter.get_total_flops()


def unet_flops(config: UNetConfig, batch: int = 1) -> int:
    """Operations of one evaluation of a U-Net of this shape at this batch size."""
    with torch.device("meta"):
        net = UNet(config)
        x = torch.empty(batch, config.in_channels, config.size, config.size)
        tokens = torch.zeros(batch, MAX_TOKENS, dtype=torch.long)
        return count_flops(net, x, torch.empty(batch), tokens)


def decoder_flops(config: AutoencoderConfig) -> int:
    """Operations of decoding one image of `config.size` pixels a side."""
    with torch.device("meta"):
        net = Autoencoder(config)
        side = config.size // PATCH
        return count_flops(net.decoder, torch.empty(1, config.latent_channels, side, side))


@dataclass(frozen=True)
class Cost:
    """Operations of one image of `size` × `size` pixels; guided, so every step evaluates the U-Net twice."""

    size: int
    pixel_step: int
    latent_step: int
    decode: int
    steps: int

    @property
    def pixels(self) -> int:
        """All steps in pixels."""
        return self.steps * self.pixel_step

    @property
    def latents(self) -> int:
        """All steps in latents, and decoding once."""
        return self.steps * self.latent_step + self.decode

    @property
    def factor(self) -> float:
        """How many times cheaper latents are."""
        return self.pixels / self.latents


def cost_at(
    pixel: UNetConfig, latent: UNetConfig, autoencoder: AutoencoderConfig, size: int, steps: int
) -> Cost:
    """The cost of an image of `size` pixels a side for these two U-Nets, both given this size. A multiple of 8."""
    return Cost(
        size,
        unet_flops(dataclasses.replace(pixel, size=size), batch=2),
        unet_flops(dataclasses.replace(latent, size=size // PATCH), batch=2),
        decoder_flops(dataclasses.replace(autoencoder, size=size)),
        steps,
    )


def cost_by_resolution(
    pixel: UNetConfig,
    latent: UNetConfig,
    autoencoder: AutoencoderConfig,
    steps: int = 30,
    sizes: Sequence[int] = RESOLUTIONS,
) -> list[Cost]:
    """`cost_at` for several resolutions."""
    return [cost_at(pixel, latent, autoencoder, size, steps) for size in sizes]


# --- on the clock -------------------------------------------------------------------------------------------


def guided_step(denoiser: Denoiser) -> Callable[[], object]:
    """A call that evaluates a network once for a guided step of one image: a batch of two."""
    x = torch.randn(2, *denoiser.shape, generator=torch.Generator().manual_seed(0))
    angle = torch.full((2,), 0.8)
    tokens = denoiser.tokens(["cat face", ""], ["noto", None])

    def call() -> object:
        with pacing.piece(2), torch.inference_mode():
            return denoiser.net(x, angle, tokens)

    return call


def decoding(denoiser: Denoiser) -> Callable[[], object]:
    """A call that decodes one image."""
    z = torch.randn(1, *denoiser.shape, generator=torch.Generator().manual_seed(0))
    return lambda: denoiser.decode(z)


def timed(calls: Sequence[Callable[[], object]], rounds: int = 9) -> list[float]:
    """Median seconds of each call, taken in turn: what else the machine does meets all of them alike."""
    seen: list[list[float]] = [[] for _ in calls]
    for call in calls:  # warm up
        call()
    for _ in range(rounds):
        for call, times in zip(calls, seen, strict=True):
            began = pacing.clock()
            call()
            times.append(pacing.clock() - began)
    return [median(times) for times in seen]
