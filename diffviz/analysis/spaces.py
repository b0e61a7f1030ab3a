"""The space that a network diffuses in, pixels or the latents of an autoencoder, and what has to be said of each.

Text about a run names its states x, as papers on pixels do; `Space.say` puts z in their place for latents, as papers on
latent diffusion do. What holds in one of the two alone is said by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.trajectory import Trajectory

# Symbols of states and of estimates of the clean one, in text and in formulas.
_SYMBOLS = {
    "x̂₀": "ẑ₀",
    "xₜ": "zₜ",
    "x₀": "z₀",
    "xₛ": "zₛ",
    r"\hat x": r"\hat z",
    r"\hat{x}": r"\hat{z}",
    "x_t": "z_t",
    "x_0": "z_0",
    "x_s": "z_s",
    "x_1": "z_1",
}


@dataclass(frozen=True)
class Space:
    """Where states lie: the word for their values, and whether estimates of the clean one are clipped."""

    name: str
    unit: str
    clipped: bool

    def say(self, text: str) -> str:
        """A text about x with the symbols of this space."""
        if self is LATENTS:
            for pixels, latents in _SYMBOLS.items():
                text = text.replace(pixels, latents)
        return text

    def image_of(self, symbol: str) -> str:
        """The symbol of the image that a state or an estimate is shown as: itself, or decoded."""
        return f"D({self.say(symbol)})" if self is LATENTS else symbol


PIXELS = Space("pixels", "pixel values from −1 to 1", clipped=True)
LATENTS = Space("latents", "latents, of unit variance over the training images", clipped=False)


def space_of(source: Denoiser | Trajectory) -> Space:
    """The space of a network, or that of a run of it."""
    latent = source.autoencoder if isinstance(source, Denoiser) else source.decode
    return PIXELS if latent is None else LATENTS
